"""Where clients are sent: each step, and the steps in their order."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from layerstore.storage.cloudfront import CloudFront
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver
from layerstore.storage.redirects import Redirect, RedirectInvalid, Rewrite, UrlStep
from tests.fakes import EPOCH, FakeClock

PATH = "/docker/registry/v2/blobs/sha256/ab/abcd/data"
LIFETIME_S = 60


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("baseurl", "url"),
    [
        ("https://files.example", f"https://files.example{PATH}"),
        ("https://files.example:8443/", f"https://files.example:8443{PATH}"),
        ("http://files.example/below/this/", f"http://files.example/below/this{PATH}"),
    ],
)
def test_a_redirect_puts_the_path_behind_its_base(baseurl: str, url: str) -> None:
    assert Redirect(baseurl)(PATH, None) == url


@pytest.mark.parametrize("baseurl", ["", "files.example", "ftp://files.example", "https://"])
def test_a_base_that_is_no_url_is_refused(baseurl: str) -> None:
    with pytest.raises(RedirectInvalid, match="baseurl"):
        Redirect(baseurl)


def test_a_rewrite_changes_only_what_it_names() -> None:
    url = "https://store.example/bucket/a?signature=1"
    assert Rewrite(host="cdn.example")("/a", url) == "https://cdn.example/bucket/a?signature=1"
    assert Rewrite(scheme="http")("/a", url) == "http://store.example/bucket/a?signature=1"
    assert Rewrite(trimpathprefix="/bucket")("/a", url) == "https://store.example/a?signature=1"


def test_a_rewrite_of_nothing_is_nothing() -> None:
    assert Rewrite(host="cdn.example")("/a", None) is None


def test_cloudfront_s_signature_covers_the_url_and_its_end(key: rsa.RSAPrivateKey) -> None:
    step = CloudFront("https://d1.cloudfront.net", pem(key), "KEY ID", LIFETIME_S, FakeClock())
    url = step(PATH, None)
    assert url is not None
    query = parse_qs(urlsplit(url).query)
    expires = int(EPOCH.timestamp()) + LIFETIME_S
    assert query["Expires"] == [str(expires)]
    assert query["Key-Pair-Id"] == ["KEY ID"]
    signature = b64decode(query["Signature"][0].translate(str.maketrans("-_~", "+=/")))
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    statement = {"Resource": f"https://d1.cloudfront.net{PATH}", "Condition": condition}
    policy = json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()
    key.public_key().verify(signature, policy, padding.PKCS1v15(), SHA1())


def test_cloudfront_takes_rsa_keys_only() -> None:
    for content in (b"no key", pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(RedirectInvalid, match="privatekey"):
            CloudFront("https://d1.cloudfront.net", content, "K", LIFETIME_S, FakeClock())


def test_steps_are_taken_in_their_order() -> None:
    steps: list[UrlStep] = [Redirect("https://a.example/x"), Rewrite(trimpathprefix="/x")]
    clock = FakeClock()
    driver = MeteredDriver(MemoryDriver(clock), clock, lambda *_: None, steps)
    assert asyncio.run(driver.url_for(PATH, LIFETIME_S, "GET")) == f"https://a.example{PATH}"

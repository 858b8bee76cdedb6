"""`middleware.storage`: where clients are sent for a blob, step by step."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1

from tests.issuer import Signer, today
from tests.servers import layerstore_server
from tests.wire.client import SocketWire
from tests.wire.stock import push_blob

BLOB = b"a blob that clients fetch elsewhere"
HEX = hashlib.sha256(BLOB).hexdigest()
STORED = f"/docker/registry/v2/blobs/sha256/{HEX[:2]}/{HEX}/data"


def location(folder: Path, *steps: dict[str, Any]) -> str:
    """Where the steps send a client that asks for the blob."""
    config = {"middleware": {"storage": list(steps)}}
    with layerstore_server(folder / "storage", config=config, workers=1) as server:
        wire = SocketWire(server.host)
        digest = push_blob(wire, "a", BLOB)
        answer = wire.ask("GET", f"/v2/a/blobs/{digest}")
    assert answer.status == 307
    return answer.location


def step(name: str, **options: str) -> dict[str, Any]:
    return {"name": name, "options": options}


def test_a_rewrite_changes_what_a_redirect_says_and_what_is_disabled_nothing(
    tmp_path: Path,
) -> None:
    place = location(
        tmp_path,
        step("redirect", baseurl="https://files.example/mirror"),
        step("rewrite", scheme="http", host="other.example:8080", trimpathprefix="/mirror"),
        step("redirect", baseurl="https://never.example") | {"disabled": True},
    )
    assert place == f"http://other.example:8080{STORED}"


def test_cloudfront_gets_urls_that_are_signed_and_end(tmp_path: Path) -> None:
    signer = Signer.new("RS256")
    file = tmp_path / "cloudfront.pem"
    file.write_bytes(signer.pem)
    options = {"baseurl": "https://d.example/", "privatekey": str(file), "keypairid": "KEY"}
    now = int(today().timestamp())
    place = location(tmp_path, step("cloudfront", duration="60s", **options))
    url, said = place.partition("?")[0], parse_qs(urlsplit(place).query)
    assert url == f"https://d.example{STORED}"
    assert said["Key-Pair-Id"] == ["KEY"]
    expires = int(said["Expires"][0])
    assert now + 55 <= expires <= now + 60 + 60
    text = said["Signature"][0].translate(str.maketrans("-_~", "+=/"))
    assert isinstance(signer.key, rsa.RSAPrivateKey)
    signature, policy = base64.b64decode(text), _policy(url, expires)
    signer.key.public_key().verify(signature, policy, padding.PKCS1v15(), SHA1())


def _policy(url: str, expires: int) -> bytes:
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    document = {"Statement": [{"Resource": url, "Condition": condition}]}
    return json.dumps(document, separators=(",", ":")).encode()

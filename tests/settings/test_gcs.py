"""`storage.gcs`: what each key changes in the requests that a store is sent."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from layerstore.config import ConfigError
from layerstore.storage.objects.http import Answer
from tests.issuer import Signer
from tests.object_stores import GcsServer, gcs_server
from tests.settings.stores import MIB, Request, Sent, opened, zeros

SIGNER = Signer.new("RS256")
ACCOUNT = {
    "type": "service_account",
    "project_id": "a-project",
    "private_key_id": "key-1",
    "private_key": SIGNER.pem.decode(),
    "client_email": "registry@a-project.example",
    "client_id": "1234",
    "auth_uri": "https://accounts.example/auth",
    "token_uri": "https://tokens.example/token",
    "auth_provider_x509_cert_url": "https://accounts.example/certs",
    "client_x509_cert_url": "https://accounts.example/registry",
}
GIVEN = {"bucket": "images", "credentials": ACCOUNT}
GOOGLE = "https://storage.googleapis.com"


def answer(request: Request) -> Answer:
    if "token" in request.url:
        return Answer(200, {}, b'{"access_token": "for-the-account", "expires_in": 3600}')
    return Answer(200, {}, b'{"name": "a/b", "generation": "1"}')


@pytest.fixture
def store(sent: Sent) -> Sent:
    sent.answer = answer
    return sent


async def put(folder: Path, store: Sent, **keys: Any) -> tuple[Request, Request]:
    """How a token is asked for, and how one small file is written."""
    await opened(folder, "gcs", {**GIVEN, **keys}).put("/a/b", b"content")
    token, written = store.of("POST")
    return token, written


ADDRESSES: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, GOOGLE, "images", "a/b"),
    ({"bucket": "other"}, GOOGLE, "other", "a/b"),
    ({"rootdirectory": "/some/prefix/"}, GOOGLE, "images", "some/prefix/a/b"),
    ({"endpoint": "http://store.example:4443"}, "http://store.example:4443", "images", "a/b"),
    (
        {"credentials": {**ACCOUNT, "universe_domain": "cloud.example"}},
        "https://storage.cloud.example",
        "images",
        "a/b",
    ),
]


@pytest.mark.parametrize(("keys", "host", "bucket", "name"), ADDRESSES, ids=str)
async def test_where_a_file_is_written(
    keys: dict[str, Any], host: str, bucket: str, name: str, tmp_path: Path, store: Sent
) -> None:
    _, written = await put(tmp_path, store, **keys)
    url, query = written.url.partition("?")[0], parse_qs(urlsplit(written.url).query)
    assert url == f"{host}/upload/storage/v1/b/{bucket}/o"
    assert query["name"] == [name]
    assert written.headers["authorization"] == "Bearer for-the-account"


def assertion(token: Request) -> list[dict[str, Any]]:
    """Head and claims of what the account signed."""
    (text,) = parse_qs(token.content.decode())["assertion"]
    parts = [base64.urlsafe_b64decode(part + "==") for part in text.split(".")[:2]]
    return [json.loads(part) for part in parts]


async def test_the_account_is_the_one_of_the_credentials(tmp_path: Path, store: Sent) -> None:
    token, _ = await put(tmp_path, store)
    assert token.url == ACCOUNT["token_uri"]
    head, said = assertion(token)
    assert (head["kid"], said["iss"]) == (ACCOUNT["private_key_id"], ACCOUNT["client_email"])
    assert said["aud"] == ACCOUNT["token_uri"]


async def test_the_private_key_signs_where_clients_are_sent(tmp_path: Path, store: Sent) -> None:
    urls = []
    for key in (SIGNER, Signer.new("RS256")):
        account = {**ACCOUNT, "private_key": key.pem.decode()}
        driver = opened(tmp_path, "gcs", {**GIVEN, "credentials": account})
        urls.append(await driver.url_for("/a/b", 60, "GET") or "")
    assert all(url.startswith(f"{GOOGLE}/images/a/b?") for url in urls)
    assert len(set(urls)) == 2


async def test_a_keyfile_says_what_credentials_would(tmp_path: Path, store: Sent) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps({**ACCOUNT, "client_email": "of-the-file@example"}))
    await opened(tmp_path, "gcs", {"bucket": "images", "keyfile": str(file)}).put("/a", b"x")
    assert assertion(store.of("POST")[0])[1]["iss"] == "of-the-file@example"


def test_credentials_of_a_type_that_is_none_are_refused(tmp_path: Path) -> None:
    account = {**ACCOUNT, "type": "authorized_user"}
    with pytest.raises(ConfigError, match=r"storage\.gcs\.credentials\.type"):
        opened(tmp_path, "gcs", {**GIVEN, "credentials": account})


async def test_maxconcurrency_bounds_the_calls_of_a_client(tmp_path: Path, store: Sent) -> None:
    await put(tmp_path, store, maxconcurrency=30)
    assert [client.get("calls_at_once") for client in store.clients] == [30]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with gcs_server(tmp_path_factory.mktemp("gcs")) as running:
        yield running


@pytest.fixture
def emulated(server: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize(("written", "sizes"), [(5, [5, 5, 1]), (6, [6, 5])])
async def test_chunksize_is_that_of_a_part(
    written: int, sizes: list[int], tmp_path: Path, sent: Sent
) -> None:
    keys = {"bucket": "registry", "chunksize": written * MIB, "buffers": 100 * MIB}
    await opened(tmp_path, "gcs", keys, fake=False).put("/whole", zeros(11 * MIB))
    assert [one.size // MIB for one in sent.requests if one.kind == "part"] == sizes


@pytest.mark.usefixtures("emulated")
@pytest.mark.parametrize(("buffers", "most"), [(5, 1), (10, 2)])
async def test_buffers_bound_the_parts_that_are_sent_side_by_side(
    buffers: int, most: int, tmp_path: Path, sent: Sent
) -> None:
    keys = {"bucket": "registry", "chunksize": 5 * MIB, "buffers": buffers * MIB}
    driver = opened(tmp_path, "gcs", keys, fake=False)
    await asyncio.gather(*(driver.put(f"/{number}", zeros(10 * MIB)) for number in range(4)))
    assert sent.most["part"] == most

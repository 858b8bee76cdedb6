"""A server with `middleware.storage`: blobs are elsewhere, all else is here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.servers import Server, layerstore_server

BLOB = b"a blob that clients fetch elsewhere"
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
HEX = DIGEST.removeprefix("sha256:")
ELSEWHERE = "https://files.example/mirror"


def ask(server: Server, method: str, path: str, body: bytes | None = None) -> HTTPResponse:
    connection = HTTPConnection(server.host, timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.fixture(params=[False, True], ids=["redirecting", "disabled"])
def disabled(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(tmp_path: Path, disabled: bool) -> Iterator[Server]:
    step = {"name": "redirect", "options": {"baseurl": ELSEWHERE}}
    config = {
        "middleware": {"storage": [step]},
        "storage": {"redirect": {"disable": disabled}},
    }
    with layerstore_server(tmp_path / "storage", config=config) as running:
        assert ask(running, "POST", f"/v2/a/blobs/uploads/?digest={DIGEST}", BLOB).status == 201
        yield running


def test_a_blob_is_fetched_where_the_step_says(server: Server, disabled: bool) -> None:
    answer = ask(server, "GET", f"/v2/a/blobs/{DIGEST}")
    if disabled:
        assert answer.status == 200
        return
    assert answer.status == 307
    place = f"{ELSEWHERE}/docker/registry/v2/blobs/sha256/{HEX[:2]}/{HEX}/data"
    assert answer.headers["location"] == place

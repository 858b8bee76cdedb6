"""Decisions 1 and registry-facts §2.3: every code with every status that it has, over the wire.

What a correct server can be made to say stands in a table; for the rest there are servers with a
broken storage, a small limit or a closed door. A last test says that none is missing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from layerstore.api.dispatch import Api
from layerstore.api.errors import status_of
from layerstore.api.options import ApiOptions
from layerstore.auth.access import OpenAuthority
from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.errors import SeveralErrors
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.storage.driver import FileInfo, OutOfSpace, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from tests.edge import Answer, Served, serving
from tests.fakes import FakeClock
from tests.unit.api.test_errors import classes
from tests.unit.oci.signers import changed, document, host, payload
from tests.wire.client import Wire
from tests.wire.configured import served
from tests.wire.stock import ABSENT, DOCKER_MANIFEST, LAYER, OCI_MANIFEST, Stock, digest_of, image
from tests.wire.table import Row, check

NOBODY = "00000000-0000-4000-8000-000000000000"
BLOBS = "/v2/{repo}/blobs"
MANIFESTS = "/v2/{repo}/manifests"
OCI = {"Content-Type": OCI_MANIFEST}
MISSING = image((b"nobody has this",))

TABLE = (
    Row("no such address", "GET /v2/a/b", 404, told="UNSUPPORTED"),
    Row("another method", "POST /v2/", 405, told="UNSUPPORTED"),
    Row("of another digest", f"PUT {MANIFESTS}/{ABSENT}", 400, OCI, image(), told="DIGEST_INVALID"),
    Row("too large", f"PUT {MANIFESTS}/x", 413, OCI, b"x" * (4 * 1024**2 + 1), told="SIZE_INVALID"),
    Row("a range outside", "GET /v2/{repo}/blobs/{layer}", 416, {"Range": "bytes=9999-"}),
    Row("a name that is none", "GET /v2/A/tags/list", 400, told="NAME_INVALID"),
    Row("a long address", f"GET /v2/_catalog?last={'a' * 9000}", 414, told="NAME_INVALID"),
    Row("no such repository", "GET /v2/no/such/tags/list", 404, told="NAME_UNKNOWN"),
    Row("a tag that is none", f"PUT {MANIFESTS}/.x", 400, OCI, image(), told="TAG_INVALID"),
    Row("no such manifest", f"GET {MANIFESTS}/none", 404, told="MANIFEST_UNKNOWN"),
    Row(
        "a type that is refused",
        f"GET {MANIFESTS}/docker",
        406,
        {"Accept": f"{DOCKER_MANIFEST};q=0"},
        told="MANIFEST_UNKNOWN",
    ),
    Row("no manifest", f"PUT {MANIFESTS}/x", 400, OCI, b"{", told="MANIFEST_INVALID"),
    Row("what is absent", f"PUT {MANIFESTS}/x", 400, OCI, MISSING, told="MANIFEST_BLOB_UNKNOWN"),
    Row("no such blob", "GET /v2/{repo}/blobs/{absent}", 404, told="BLOB_UNKNOWN"),
    Row("no session", f"GET {BLOBS}/uploads/{NOBODY}", 404, told="BLOB_UPLOAD_UNKNOWN"),
    Row("no state", f"PATCH {BLOBS}/uploads/{NOBODY}", 404, told="BLOB_UPLOAD_INVALID"),
    Row("no chunk", f"PATCH {BLOBS}/uploads/{NOBODY}", 415, {"Content-Type": "text/plain"}),
    Row("no number", "GET /v2/_catalog?n=x", 400, told="PAGINATION_NUMBER_INVALID"),
)
"""A row without `told` is checked for its own code below."""

CODES = {"a range outside": "RANGE_INVALID", "no chunk": "UNSUPPORTED"}


@pytest.mark.parametrize("row", TABLE, ids=[row.what for row in TABLE])
def test_what_any_server_says(row: Row, wire: Wire, stock: Stock) -> None:
    answer = check(row, wire, stock.places)
    (error,) = answer.json()["errors"]
    assert error["code"] == (row.told or CODES[row.what])
    assert error["message"]


def test_a_length_beside_its_range(wire: Wire, repo: str) -> None:
    location = wire.ask("POST", f"/v2/{repo}/blobs/uploads/").location
    answer = wire.ask("PATCH", location, {"Content-Range": "0-9"}, b"x")
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


class Broken(MemoryDriver):
    """A storage on which every look fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeClock())
        self._error = error

    async def stat(self, path: str) -> FileInfo:
        raise self._error

    async def get(self, path: str) -> bytes:
        raise self._error


Place = Callable[[Path], AbstractAsyncContextManager[Served]]


def on(error: Exception) -> Place:
    """A server whose storage fails."""

    @asynccontextmanager
    async def place(folder: Path) -> AsyncIterator[Served]:
        registry = LocalRegistry(Broken(error), ProcessLocks(), FakeClock())
        api = Api(registry, OpenAuthority(), ApiOptions(secret=b"a secret"))
        async with serving(api.handle) as server:
            yield server

    return place


def under(text: str) -> Place:
    """A server with these settings."""
    return lambda folder: served(text, folder)


async def ask(
    server: Served, method: str, target: str, body: bytes = b"", **headers: str
) -> Answer:
    sent = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return await server.ask(target, method=method, headers=sent, body=body)


class Case(NamedTuple):
    """One request to a server of its own."""

    place: Place
    method: str
    target: str
    body: bytes
    headers: dict[str, str]
    status: int
    code: str


def case(
    code: str, status: int, place: Place, request: str, body: bytes = b"", **headers: str
) -> Case:
    method, target = request.split(" ", 1)
    return Case(place, method, target, body, headers, status, code)


LOCKED = "\nauth: {silly: {realm: r, service: s}, policies: [{users: [bob], actions: [pull]}]}"
SIGNED = "\ncompatibility: {schema1: {enabled: true}}"
FORGED = changed(document(payload("a", "t"), host()), signature="AAAA")
POST = f"POST /v2/a/blobs/uploads/?digest={digest_of(LAYER)}"
LOOK = f"GET /v2/a/blobs/{ABSENT}"

CASES = (
    case("UNKNOWN", 500, on(ValueError("/a/secret/path")), LOOK),
    case("UNAVAILABLE", 503, on(StorageUnavailable("d", "/a/secret/path", "gone")), LOOK),
    case("UNAVAILABLE", 507, on(OutOfSpace("d", "/a/secret/path")), LOOK),
    case(
        "UNAVAILABLE",
        408,
        under("\nlimits: {progresstimeout: 50ms}"),
        POST,
        Content_Length=str(len(LAYER)),
    ),
    case("SIZE_INVALID", 431, under("\nlimits: {headerbytes: 100}"), LOOK, X_Long="x" * 100),
    case("UNAUTHORIZED", 401, under(LOCKED), LOOK),
    case("DENIED", 403, under(LOCKED), LOOK, Authorization="seriously"),
    case(
        "MANIFEST_UNVERIFIED",
        400,
        under(SIGNED),
        "PUT /v2/a/manifests/t",
        FORGED,
        Content_Type=SCHEMA1_SIGNED,
    ),
)


@pytest.mark.parametrize("told", CASES, ids=[f"{told.status} {told.code}" for told in CASES])
async def test_what_a_server_says_that_cannot(told: Case, tmp_path: Path) -> None:
    async with told.place(tmp_path) as server:
        answer = await ask(server, told.method, told.target, told.body, **told.headers)
    assert answer.status == told.status
    assert answer.headers["content-type"] == "application/json"
    assert answer.body is not None
    assert json.loads(answer.body)["errors"][0]["code"] == told.code
    assert b"secret" not in answer.body
    assert ("retry-after" in answer.headers) == (told.status == 503)
    assert ("www-authenticate" in answer.headers) == (told.status == 401)


def test_no_error_is_missing() -> None:
    shown = {(row.told or CODES[row.what], row.status) for row in TABLE}
    shown |= {(told.code, told.status) for told in CASES}
    shown |= {("SIZE_INVALID", 400), ("TOOMANYREQUESTS", 429)}  # above, and in test_settings.py
    made = {
        (kind.code, status_of(kind.__new__(kind)))
        for kind in classes()
        if kind is not SeveralErrors
    }
    assert shown == made

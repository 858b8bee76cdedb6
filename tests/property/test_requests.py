"""Whatever is asked, the answer is one that a client can understand, and never a fault of ours."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request
from tests.unit.api.bodies import Pieces
from tests.unit.api.direct import DirectWire
from tests.wire.client import Answer
from tests.wire.stock import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Stock

METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"]
WORDS = [
    "",
    "v2",
    "stock",
    "of-everything",
    "blobs",
    "uploads",
    "manifests",
    "tags",
    "list",
    "referrers",
    "_catalog",
    "_oci",
    "ext",
    "discover",
    "_layerstore",
    "repositories",
    "token",
    "latest",
    "multi",
    "..",
    ".",
    "~",
    "sha256:" + "0" * 64,
    "sha512:" + "f" * 128,
    "sha256:x",
    "md5:" + "0" * 32,
    ":",
    "00000000-0000-4000-8000-000000000000",
    "a" * 300,
    "ä€😀",
]
PARAMETERS = [
    "n",
    "last",
    "digest",
    "mount",
    "from",
    "tag",
    "_state",
    "artifactType",
    "digest-algorithm",
    "ns",
]
VALUES = ["", "0", "-1", "9" * 30, "%00", "%ff%fe", "%0d%0aX: y", "sha512", *WORDS]
HEADERS = [
    "accept",
    "content-type",
    "content-range",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "user-agent",
    "authorization",
    "x-forwarded-for",
]
PHRASES = [
    "",
    "*",
    "*/*",
    ";q=0",
    f"{OCI_MANIFEST};q=0, {OCI_INDEX};q=x",
    DOCKER_MANIFEST,
    "0-0",
    "0-9",
    "9-0",
    "bytes=0-0,-1,5-",
    "bytes=-0",
    "bytes=" + "9" * 40 + "-",
    '"',
    'W/"x", *',
    "application/json",
    "application/octet-stream",
    "docker/1.9.1",
]
BODIES = [b"", b"{", b"{}", b"[]", b"null", b"\xff", b'{"schemaVersion":2}', b"x" * 2000]

words = st.sampled_from(WORDS) | st.text(string.printable, max_size=5)
paths = st.lists(words, max_size=8).map("/".join).map(lambda rest: f"/v2/{rest}")
queries = st.lists(
    st.tuples(st.sampled_from(PARAMETERS), st.sampled_from(VALUES)).map("=".join), max_size=4
).map("&".join)
headers = st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(PHRASES)), max_size=4)
near = st.tuples(
    st.just("/v2/stock/of-everything"),
    st.sampled_from(["manifests", "blobs", "blobs/uploads", "tags", "referrers"]),
    words,
).map("/".join)


@pytest.fixture(scope="module")
def wire() -> Iterator[DirectWire]:
    with asyncio.Runner() as runner:
        made = DirectWire(runner)
        Stock(made, "stock/of-everything")
        yield made


def assert_understandable(answer: Answer, method: str) -> None:
    assert HTTPStatus(answer.status)
    assert answer.status < 500, answer
    for name, value in answer.headers:
        assert name == name.lower()
        assert value.isascii(), (name, value)
        assert value.isprintable(), (name, value)
    if answer.status >= 400 and answer.status != 412 and method != "HEAD":
        for error in answer.json()["errors"]:
            assert error["code"].replace("_", "").isupper()
            assert error["message"]
    if answer.status == 405:
        assert method not in (answer.header("allow") or "").split(", ")


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    path=paths | near,
    query=queries,
    sent=headers,
    body=st.sampled_from(BODIES),
)
def test_every_request_has_an_answer(
    method: str,
    path: str,
    query: str,
    sent: list[tuple[str, str]],
    body: bytes,
    wire: DirectWire,
) -> None:
    pieces = Pieces(*([body] if body else []), length=len(body))
    request = Request(
        method, path, query, HeaderLines([("host", "a.example"), *sent]), pieces, "192.0.2.1"
    )
    assert_understandable(wire.send(request), method)

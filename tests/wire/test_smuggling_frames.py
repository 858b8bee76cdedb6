"""Requests in HTTP/2 frames that would mean something else in HTTP/1 (RFC 9113 §8.2, §10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest

from layerstore.web.message import Request, Response
from tests.edge import Served, serving
from tests.faults.counts import Counted
from tests.frames import Frames

Field = tuple[bytes, bytes]

USUAL: Mapping[bytes, bytes] = {
    b":method": b"POST",
    b":scheme": b"http",
    b":path": b"/x",
    b":authority": b"a.example",
}


def request(
    *extra: Field, changed: Mapping[bytes, bytes] | None = None, body: bytes = b""
) -> bytes:
    """A connection's first bytes, with one request in them."""
    fields = [*(dict(USUAL) | dict(changed or {})).items(), *extra]
    block = b"".join(Frames.literal(name) + Frames.text(value) for name, value in fields)
    flags = Frames.END_HEADERS | (0 if body else Frames.END_STREAM)
    head = Frames.frame(Frames.HEADERS, flags, 1, block)
    settings = Frames.frame(Frames.SETTINGS, 0, 0, b"")
    return Frames.PREFACE + settings + head + (Frames.data(body, last=True) if body else b"")


class Witness:
    """A handler that remembers what it was asked, and how much was sent."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str | None, int]] = []

    async def __call__(self, request: Request) -> Response:
        size = sum([len(piece) async for piece in request.body])
        self.seen.append((request.method, request.path, request.headers.first("host"), size))
        return Response(200)


async def ask(served: Served, sent: bytes) -> bytes:
    """What the server says until it has said enough: an answer, a reset or an end."""
    async with served.connection() as connection:
        with suppress(ConnectionError):
            await connection.send(sent)
        heard = b""
        while not _is_over(heard):
            piece = await connection.reader.read(4096)
            if not piece:
                break
            heard += piece
        return heard


def _is_over(heard: bytes) -> bool:
    """Whether a whole frame about the stream, or about its end, has come."""
    ends = (Frames.HEADERS, Frames.RESET, Frames.GOAWAY)
    return any(kind in ends for kind, _ in Frames.parse(heard))


REFUSED: Mapping[str, bytes] = {
    "a-line-end-in-a-value": request((b"x-a", b"b\r\ntransfer-encoding: chunked")),
    "a-line-feed-in-a-value": request((b"x-a", b"b\nx-injected: y")),
    "a-zero-byte-in-a-value": request((b"x-a", b"b\x00c")),
    "a-line-end-in-a-name": request((b"x-a: b\r\nx-injected", b"y")),
    "a-colon-in-a-name": request((b"x:a", b"b")),
    "a-capital-in-a-name": request((b"X-A", b"b")),
    "an-empty-name": request((b"", b"b")),
    "a-coding-of-http1": request((b"transfer-encoding", b"chunked"), body=b"0\r\n\r\n"),
    "a-connection-of-http1": request((b"connection", b"keep-alive")),
    "two-lengths": request((b"content-length", b"3"), (b"content-length", b"4"), body=b"abc"),
    "a-length-that-is-none": request((b"content-length", b"x"), body=b"abc"),
    "a-line-end-in-a-path": request(changed={b":path": b"/x HTTP/1.1\r\nhost: b\r\n\r\n"}),
    "a-space-in-a-path": request(changed={b":path": b"/x y"}),
    "a-path-without-a-slash": request(changed={b":path": b"x"}),
    "a-line-end-in-a-method": request(changed={b":method": b"GET / HTTP/1.1\r\n"}),
    "a-line-end-in-a-host": request(changed={b":authority": b"a.example\r\nx: y"}),
    "a-pseudo-header-twice": request((b":path", b"/y")),
    "a-pseudo-header-that-is-none": request((b":status", b"200")),
    "a-pseudo-header-behind-others": request((b"x-a", b"b"), (b":path", b"/y")),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
async def test_what_would_mean_something_else_in_http1_reaches_nobody(
    sent: bytes, counted: Counted
) -> None:
    counted("requests with two meanings")
    witness = Witness()
    async with serving(witness, http2=True) as served:
        heard = await ask(served, sent)
    assert witness.seen == []
    assert b"x-injected" not in heard


async def test_an_ordinary_request_in_frames_is_answered() -> None:
    witness = Witness()
    async with serving(witness, http2=True) as served:
        await ask(served, request((b"content-length", b"3"), body=b"abc"))
    assert witness.seen == [("POST", "/x", "a.example", 3)]


async def test_of_two_hosts_one_is_told_to_the_handler() -> None:
    """The server hands on no `:authority` beside a `host`; both are the client's own words."""
    witness = Witness()
    async with serving(witness, http2=True) as served:
        await ask(served, request((b"host", b"b.example")))
    assert witness.seen == [("POST", "/x", "b.example", 0)]

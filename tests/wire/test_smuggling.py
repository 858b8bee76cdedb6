"""Requests that two programs could read in two ways (RFC 9112 §11.2), over a bare connection.

Behind each stands another request, to /smuggled. A row says whether the first is refused, with the
connection closed behind it, or read in the one way that the specification has for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import pytest

from layerstore.web.message import BodyBroken, Request, Response
from tests.edge import serving
from tests.faults.counts import Counted

NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"
SIZE = len(NEXT)
EMPTY_CHUNKS = b"0\r\n\r\n"
BOTH = b"Content-Length: %d\r\n" % (len(EMPTY_CHUNKS) + SIZE)
CHUNKED = b"Transfer-Encoding: chunked\r\n"


class Seen(NamedTuple):
    """What a handler was given; no body when it broke off."""

    path: str
    host: str | None
    body: bytes | None


class Witness:
    """A handler that reads every body and remembers everything."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def __call__(self, request: Request) -> Response:
        body: bytes | None = b""
        try:
            body = b"".join([piece async for piece in request.body])
        except BodyBroken:
            body = None
            raise
        finally:
            self.seen.append(Seen(request.path, request.headers.first("host"), body))
        return Response(200)


def post(framing: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /x HTTP/" + version + b"\r\nHost: a.example\r\n" + framing + b"\r\n" + body


async def said_to(witness: Witness, sent: bytes, expected: int = 9) -> tuple[list[int], bool]:
    """The statuses of the answers to what is sent, and whether the server ends the connection.

    More than the expected answers are not waited for.
    """
    async with serving(witness) as served, served.connection() as connection:
        with suppress(ConnectionError):  # enough was heard before all was sent
            await connection.send(sent)
        statuses: list[int] = []
        while len(statuses) < expected:
            try:
                statuses.append((await connection.answer()).status)
            except (asyncio.IncompleteReadError, ConnectionError):
                return statuses, True
        return statuses, False


REFUSED: Mapping[str, bytes] = {
    "two-lengths": post(b"Content-Length: 0\r\nContent-Length: %d\r\n" % SIZE),
    "a-list-of-lengths": post(b"Content-Length: 0, %d\r\n" % SIZE),
    "a-list-of-one-length-twice": post(b"Content-Length: 3, 3\r\n", b"abc"),
    "a-signed-length": post(b"Content-Length: +3\r\n", b"abc"),
    "a-hexadecimal-length": post(b"Content-Length: 0x3\r\n", b"abc"),
    "an-empty-length": post(b"Content-Length: \r\n", b"abc"),
    "a-length-beyond-all-numbers": post(b"Content-Length: 99999999999999999999999\r\n"),
    "a-space-before-the-colon": post(b"Content-Length : 3\r\n", b"abc"),
    "chunked-with-a-space-before-the-colon": post(
        b"Transfer-Encoding : chunked\r\n" + BOTH, EMPTY_CHUNKS
    ),
    "chunked-behind-a-vertical-tab": post(
        b"Transfer-Encoding: \x0bchunked\r\n" + BOTH, EMPTY_CHUNKS
    ),
    "a-coding-of-almost-that-name": post(b"Transfer-Encoding: xchunked\r\n" + BOTH, EMPTY_CHUNKS),
    "chunked-in-quotes": post(b'Transfer-Encoding: "chunked"\r\n' + BOTH, EMPTY_CHUNKS),
    "chunked-and-then-identity": post(
        CHUNKED + b"Transfer-Encoding: identity\r\n" + BOTH, EMPTY_CHUNKS
    ),
    "chunked-twice": post(b"Transfer-Encoding: chunked, chunked\r\n", EMPTY_CHUNKS),
    "chunked-twice-in-two-lines": post(CHUNKED + CHUNKED, EMPTY_CHUNKS),
    "identity-and-then-chunked": post(b"Transfer-Encoding: identity, chunked\r\n", EMPTY_CHUNKS),
    "compressed-and-then-chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", EMPTY_CHUNKS),
    "compressed-only": post(b"Transfer-Encoding: gzip\r\n"),
    "chunked-in-http10": post(CHUNKED, EMPTY_CHUNKS, b"1.0"),
    "a-folded-line": post(b"X: a\r\n Content-Length: %d\r\n" % SIZE),
    "a-folded-coding": post(b"Transfer-Encoding:\r\n chunked\r\n" + BOTH, EMPTY_CHUNKS),
    "a-carriage-return-within-a-line": post(b"X: a\rContent-Length: %d\r\n" % SIZE),
    "a-line-without-a-colon": post(b"Content-Length 5\r\n", b"hello"),
    "a-zero-byte-in-a-value": post(b"X: a\x00b\r\n"),
    "a-zero-byte-in-a-name": post(b"X\x00Y: a\r\n"),
    "a-first-line-that-is-folded": b"POST /x HTTP/1.1\r\n Host: a.example\r\n\r\n",
    "a-version-before-there-were-heads": b"GET /x\r\n",
    "a-version-that-has-frames": b"GET /x HTTP/2.0\r\nHost: a.example\r\n\r\n",
    "a-version-that-is-none": b"GET /x HTTP/1.2\r\nHost: a.example\r\n\r\n",
    "tabs-for-spaces": b"GET\t/x\tHTTP/1.1\r\nHost: a.example\r\n\r\n",
    "two-spaces": b"GET  /x HTTP/1.1\r\nHost: a.example\r\n\r\n",
    "a-space-in-the-target": b"GET /x y HTTP/1.1\r\nHost: a.example\r\n\r\n",
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
async def test_what_has_two_meanings_reaches_nobody(sent: bytes, counted: Counted) -> None:
    counted("requests with two meanings")
    witness = Witness()
    statuses, is_ended = await said_to(witness, sent + NEXT)
    assert (statuses, is_ended, witness.seen) == ([400], True, [])


BROKEN: Mapping[str, bytes] = {
    "a-line-feed-behind-an-extension": b"3;x\nabc\r\n0\r\n\r\n",
    "line-feeds-only": b"3\nabc\n0\n\n",
    "a-prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a-sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "no-number": b";x\r\nabc\r\n0\r\n\r\n",
    "more-than-64-bits": b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "much-more-than-64-bits": b"F" * 40 + b"\r\nabc\r\n0\r\n\r\n",
    "a-huge-extension": b"3;" + b"x" * 100_000 + b"\r\nabc\r\n0\r\n\r\n",
    "no-end-of-a-chunk": b"3\r\nabcd\r\n0\r\n\r\n",
    "huge-trailers": b"3\r\nabc\r\n0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
}


@pytest.mark.parametrize("chunks", BROKEN.values(), ids=BROKEN.keys())
async def test_chunks_that_others_may_read_differently_break_the_body(
    chunks: bytes, counted: Counted
) -> None:
    counted("requests with two meanings")
    witness = Witness()
    statuses, is_ended = await said_to(witness, post(CHUNKED, chunks) + NEXT)
    assert (statuses, is_ended) == ([400], True)
    assert witness.seen == [Seen("/x", "a.example", None)]


ONE_MEANING: Mapping[str, tuple[bytes, bytes]] = {
    "chunks-with-an-extension": (post(CHUNKED, b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'), b"abc"),
    "trailers-that-look-like-framing": (
        post(CHUNKED, b"3\r\nabc\r\n0\r\nContent-Length: 99\r\nHost: evil.example\r\n\r\n"),
        b"abc",
    ),
    "one-length-in-two-lines": (
        post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"),
        b"abc",
    ),
    "a-length-with-leading-zeros": (post(b"Content-Length: 003\r\n", b"abc"), b"abc"),
    "a-body-where-none-is-usual": (
        post(b"Content-Length: %d\r\n" % SIZE, NEXT).replace(b"POST", b"GET"),
        NEXT,
    ),
    "an-absolute-form": (
        b"GET http://evil.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        b"",
    ),
    "an-upgrade-to-frames": (
        post(
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        ),
        b"",
    ),
}


@pytest.mark.parametrize(("sent", "body"), ONE_MEANING.values(), ids=ONE_MEANING.keys())
async def test_what_has_one_meaning_is_read_so_and_the_next_request_is_the_next(
    sent: bytes, body: bytes
) -> None:
    witness = Witness()
    statuses, _ = await said_to(witness, sent + NEXT, expected=2)
    assert statuses == [200, 200]
    assert witness.seen == [Seen("/x", "a.example", body), Seen("/smuggled", "a.example", b"")]


@pytest.mark.parametrize("coding", [b"chunked", b"CHUNKED", b"\tchunked", b"chunked "])
async def test_chunks_win_over_a_length_and_end_the_connection(coding: bytes) -> None:
    """RFC 9112 §6.3: what a program in front took for the rest is never read as a request."""
    witness = Witness()
    framing = b"Transfer-Encoding: " + coding + b"\r\n" + BOTH
    statuses, is_ended = await said_to(witness, post(framing, EMPTY_CHUNKS) + NEXT)
    assert (statuses, is_ended) == ([200], True)
    assert witness.seen == [Seen("/x", "a.example", b"")]


async def test_a_length_that_is_less_than_the_chunks_hides_nothing_either() -> None:
    witness = Witness()
    chunks = b"%x\r\n" % SIZE + NEXT + b"\r\n0\r\n\r\n"
    statuses, is_ended = await said_to(witness, post(b"Content-Length: 4\r\n" + CHUNKED, chunks))
    assert (statuses, is_ended) == ([200], True)
    assert witness.seen == [Seen("/x", "a.example", NEXT)]

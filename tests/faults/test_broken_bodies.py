"""Clients that vanish, fall silent, drip or lie while they send a body, over a real socket.

What must hold: a handler sees the end of a body only when the body was complete.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from layerstore.oci.errors import BodyStalled, Denied
from layerstore.web.asgi import Limits
from layerstore.web.message import BodyBroken, Request, Response
from tests.edge import Connection, Served, echo, serving, until
from tests.frames import Frames

HASTE = Limits(progress_s=0.2, rate_min=1000, rate_window_s=0.4)

CHUNKED = b"Transfer-Encoding: chunked\r\n"


def head(framing: bytes, version: bytes = b"1.1") -> bytes:
    return b"PUT /x HTTP/" + version + b"\r\nHost: registry.example\r\n" + framing + b"\r\n"


class Witness:
    """A handler that reads the body and remembers how that ended."""

    def __init__(self) -> None:
        self.received = b""
        self.ending = ""

    async def __call__(self, request: Request) -> Response:
        try:
            async for piece in request.body:
                self.received += piece
        except (BodyBroken, BodyStalled) as error:
            self.ending = type(error).__name__
            raise
        self.ending = "complete"
        return Response(201)


async def end_in_order(connection: Connection) -> None:
    await connection.close()


async def reset(connection: Connection) -> None:
    connection.reset()


async def stop_sending(connection: Connection) -> None:
    connection.writer.write_eof()


BROKEN = {
    "content-length": head(b"Content-Length: 10\r\n") + b"hello",
    "content-length-without-a-byte": head(b"Content-Length: 10\r\n"),
    "content-length-http10": head(b"Content-Length: 10\r\n", b"1.0") + b"hello",
    "chunked-between-chunks": head(CHUNKED) + b"5\r\nhello\r\n",
    "chunked-within-a-chunk": head(CHUNKED) + b"a\r\nhello",
    "chunked-before-the-last-line": head(CHUNKED) + b"5\r\nhello\r\n0\r\n",
}


@pytest.mark.parametrize("leave", [end_in_order, reset, stop_sending])
@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
async def test_a_body_that_breaks_off_never_ends_for_the_handler(
    sent: bytes, leave: Callable[[Connection], Awaitable[None]]
) -> None:
    """Bug museum 25."""
    witness = Witness()
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(sent)
        expected = b"hello" if b"hello" in sent else b""
        await until(lambda: witness.received == expected, "what was sent has arrived")
        await leave(connection)
        told = await served.until_told()
    assert (witness.received, witness.ending) == (expected, "BodyBroken")
    assert (told.status, told.received) == (499, len(expected))


@pytest.mark.parametrize(
    "chunks",
    [b"x\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n"],
    ids=["no-number", "longer-than-said", "negative"],
)
async def test_chunks_that_make_no_sense_are_a_broken_body(chunks: bytes) -> None:
    witness = Witness()
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(head(CHUNKED) + chunks)
        await served.until_told()
    assert witness.ending == "BodyBroken"


COMPLETE = {
    "content-length": head(b"Content-Length: 5\r\n") + b"hello",
    "chunked": head(CHUNKED) + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "chunked-with-extension": head(CHUNKED) + b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "chunked-with-trailers": head(CHUNKED) + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
    "both-framings": head(b"Content-Length: 3\r\n" + CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", COMPLETE.values(), ids=COMPLETE.keys())
async def test_a_complete_body_ends(sent: bytes) -> None:
    witness = Witness()
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(sent)
        answer = await connection.answer()
    assert (witness.received, witness.ending, answer.status) == (b"hello", "complete", 201)


@pytest.mark.parametrize("framing", [b"", b"Content-Length: 0\r\n"], ids=["none", "zero"])
async def test_a_request_without_a_body_has_an_empty_one(framing: bytes) -> None:
    witness = Witness()
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(head(framing))
        answer = await connection.answer()
    assert (witness.received, witness.ending, answer.status) == (b"", "complete", 201)


AMBIGUOUS = [
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: -5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding: xchunked\r\n",
]


@pytest.mark.parametrize("framing", AMBIGUOUS)
async def test_framing_that_can_be_read_in_two_ways_reaches_no_handler(framing: bytes) -> None:
    witness = Witness()
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(head(framing) + b"hello")
        answer = await connection.answer()
        assert await connection.ends()
    assert (answer.status, witness.ending) == (400, "")


async def test_a_client_that_falls_silent_is_answered_408_and_loses_its_connection() -> None:
    witness = Witness()
    async with serving(witness, limits=HASTE) as served, served.connection() as connection:
        await connection.send(head(b"Content-Length: 10\r\n") + b"hello")
        answer = await connection.answer()
        assert await connection.ends()
    assert (witness.received, witness.ending) == (b"hello", "BodyStalled")
    assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_a_client_that_drips_below_the_least_rate_is_cut_off() -> None:
    witness = Witness()
    async with serving(witness, limits=HASTE) as served, served.connection() as connection:
        await connection.send(head(b"Content-Length: 1000\r\n"))
        async with drip(connection, witness):
            answer = await connection.answer()
    assert (answer.status, witness.ending) == (408, "BodyStalled")
    assert 1 < len(witness.received) < 1000


@asynccontextmanager
async def drip(connection: Connection, witness: Witness) -> AsyncIterator[None]:
    """A byte at a time, each sent as soon as the one before has arrived and a moment has passed."""

    async def send_on() -> None:
        while True:
            await connection.send(b".")
            await asyncio.sleep(HASTE.progress_s / 10)

    async with asyncio.TaskGroup() as group:
        dripping = group.create_task(send_on())
        yield
        dripping.cancel()


async def test_who_may_not_send_gets_the_answer_instead_of_a_hundred_continue() -> None:
    async def refuse(request: Request) -> Response:
        raise Denied

    expecting = b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    async with serving(refuse) as served, served.connection() as connection:
        await connection.send(head(expecting))
        answer = await connection.answer()
    assert (answer.status, answer.headers["connection"]) == (403, "close")


async def test_who_may_send_is_told_to_continue_once_the_body_is_wanted() -> None:
    witness = Witness()
    expecting = b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    async with serving(witness) as served, served.connection() as connection:
        await connection.send(head(expecting))
        first = await connection.answer()
        await connection.send(b"hello")
        answer = await connection.answer()
    assert (first.status, answer.status, witness.received) == (100, 201, b"hello")


async def refuse_early(request: Request) -> Response:
    """An answer that does not wait for the body."""
    raise Denied


async def test_a_small_body_that_nobody_wants_is_taken_in_and_the_connection_goes_on() -> None:
    async with serving(refuse_early) as served, served.connection() as connection:
        for _ in range(2):
            await connection.send(head(b"Content-Length: 100000\r\n") + bytes(100_000))
            answer = await connection.answer()
            assert (answer.status, answer.headers.get("connection")) == (403, None)


async def test_a_large_body_that_nobody_wants_is_answered_and_cut() -> None:
    async with serving(refuse_early) as served, served.connection() as connection:
        await connection.send(head(b"Content-Length: 1000000000\r\n") + bytes(100_000))
        answer = await connection.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert await connection.ends()


async def test_two_requests_in_one_packet_are_answered_in_their_order() -> None:
    both = head(b"Content-Length: 3\r\n") + b"one" + head(b"Content-Length: 3\r\n") + b"two"
    async with serving(echo) as served, served.connection() as connection:
        await connection.send(both)
        answers = [await connection.answer() for _ in range(2)]
    assert [answer.body for answer in answers] == [b"one", b"two"]


@asynccontextmanager
async def http2(witness: Witness) -> AsyncIterator[tuple[Served, Connection]]:
    async with serving(witness, http2=True) as served, served.connection() as connection:
        yield served, connection


async def test_http2_body_that_is_complete_ends() -> None:
    witness = Witness()
    async with http2(witness) as (served, connection):
        await connection.send(Frames.begin() + Frames.data(b"he") + Frames.data(b"llo", last=True))
        told = await served.until_told()
    assert (witness.received, witness.ending) == (b"hello", "complete")
    assert (told.status, told.protocol) == (201, "HTTP/2")


BROKEN_HTTP2 = {
    "cancelled": Frames.reset(Frames.CANCEL),
    "cancelled-as-if-all-were-well": Frames.reset(Frames.NO_ERROR),
    "shorter-than-said": Frames.data(b"", last=True),
    "longer-than-said": Frames.data(b"world and more", last=True),
}


@pytest.mark.parametrize("last", BROKEN_HTTP2.values(), ids=BROKEN_HTTP2.keys())
async def test_http2_body_that_breaks_off_never_ends_for_the_handler(last: bytes) -> None:
    witness = Witness()
    async with http2(witness) as (served, connection):
        await connection.send(Frames.begin((b"content-length", b"10")) + Frames.data(b"hello"))
        await until(lambda: witness.received == b"hello", "the first bytes arrived")
        await connection.send(last)
        told = await served.until_told()
    assert (witness.ending, told.status) == ("BodyBroken", 499)


async def test_http2_connection_that_ends_breaks_the_body_off() -> None:
    witness = Witness()
    async with http2(witness) as (served, connection):
        await connection.send(Frames.begin() + Frames.data(b"hello"))
        await until(lambda: witness.received == b"hello", "the first bytes arrived")
        await connection.close()
        told = await served.until_told()
    assert (witness.ending, told.status) == ("BodyBroken", 499)

"""Clients that take an answer slowly, or not at all: how many there may be, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from layerstore.web import asgi, outgoing
from layerstore.web.message import Request, Response, StreamBody
from layerstore.web.outgoing import LONG_STREAM_BYTES, LongStreams
from tests.edge import Connection, Served, serving, until

PIECE = bytes(256 * 1024)
REQUEST = b"GET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n"
LONG = 100 * 1024 * 1024

Handler = Callable[[Request], Awaitable[Response]]


async def handle(request: Request) -> Response:
    """As many bytes as the path says."""
    size = int(request.path[1:])
    return Response(200, [], StreamBody(chunks(size), size))


async def chunks(size: int) -> AsyncIterator[bytes]:
    for at in range(0, size, len(PIECE)):
        yield PIECE[: size - at]


async def handle_at_once(request: Request) -> Response:
    """As many bytes as the path says, all in memory, as a large manifest is."""
    return Response(200, [], bytes(int(request.path[1:])))


async def begun(served: Served, connection: Connection) -> None:
    """A long answer has begun, of which the client takes one byte."""
    await connection.send(REQUEST % LONG)
    await connection.reader.readexactly(1)


async def rest_of(connection: Connection) -> AsyncIterator[bytes]:
    """What still comes until the server ends the connection."""
    try:
        while piece := await connection.reader.read(len(PIECE)):
            yield piece
    except ConnectionError:
        return


@pytest.mark.parametrize("handler", [handle, handle_at_once], ids=["stream", "at-once"])
async def test_one_long_answer_too_many_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, handler: Handler
) -> None:
    monkeypatch.setattr(asgi, "LongStreams", lambda: LongStreams(2))
    async with (
        serving(handler) as served,
        served.connection() as first,
        served.connection() as second,
    ):
        await begun(served, first)
        await begun(served, second)
        refused = await served.ask(f"/{LONG}")
        short = await served.ask(f"/{LONG_STREAM_BYTES}")
        first.reset()
        await until(lambda: len(served.told) == 3, "the first client is gone")
        answer = await served.ask(f"/{LONG}")
    assert refused.status == 503
    assert json.loads(refused.body or b"")["errors"][0]["code"] == "UNAVAILABLE"
    assert int(refused.headers["retry-after"]) > 0
    assert short.body == bytes(LONG_STREAM_BYTES)
    assert answer.body == bytes(LONG)


async def test_a_client_that_takes_nothing_any_more_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing, "READER_STALL_S", 0.2)
    monkeypatch.setattr(outgoing, "READER_RATE_MIN", 10 * len(PIECE))
    async with serving(handle) as served, served.connection() as connection:
        await begun(served, connection)
        told = await served.until_told()
        taken = 1 + sum([len(piece) async for piece in rest_of(connection)])
    assert told.sent < LONG
    assert taken < LONG


async def test_a_client_that_takes_its_time_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "READER_STALL_S", 5.0)
    async with serving(handle) as served, served.connection() as connection:
        await connection.send(REQUEST % (10 * len(PIECE)))
        taken = b""
        while len(taken) < 10 * len(PIECE):
            taken += await connection.reader.read(len(PIECE))
            await asyncio.sleep(0.01)
    assert taken.endswith(PIECE)

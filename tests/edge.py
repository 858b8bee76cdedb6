"""A real server on a free port of the loopback address, around a handler of the test's own.

It runs on the test's event loop: what the handler saw, and what was told about a request, can be
looked at directly. The other end is a bare connection, which may do what no client does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from layerstore.api import errors
from layerstore.cli.server import HttpServer
from layerstore.clock import SystemClock
from layerstore.telemetry.requests import Exchange
from layerstore.web.asgi import Edge, Limits
from layerstore.web.forwarded import Trusted, nobody
from layerstore.web.message import Request, Response
from layerstore.web.sockets import listen

WAIT_S = 20.0
HEAD_BYTES_MAX = 1024 * 1024

Handle = Callable[[Request], Awaitable[Response]]


class Answer(NamedTuple):
    """What came back. The body is None when the connection ended before it was whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


@dataclass
class Connection:
    """One end of a connection, with nothing between the test and the bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, to: str = "GET") -> Answer:
        """The next answer. EOFError when the connection ends before its head is whole."""
        async with asyncio.timeout(WAIT_S):
            status, headers = await self._head()
            if to == "HEAD" or status in (204, 304) or "content-length" not in headers:
                return Answer(status, headers, b"")
            try:
                body = await self.reader.readexactly(int(headers["content-length"]))
            except (asyncio.IncompleteReadError, ConnectionError):
                return Answer(status, headers, None)
            return Answer(status, headers, body)

    async def ends(self) -> bool:
        """Whether the server closes the connection without a further byte."""
        async with asyncio.timeout(WAIT_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        """End it in order."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    def reset(self) -> None:
        """End it as a machine does that lost its memory of it."""
        self.writer.transport.abort()

    async def _head(self) -> tuple[int, dict[str, str]]:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(": ") for line in lines[1:] if line]
        return int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs}


@dataclass
class Served:
    """A running server. `told` are the requests that it has finished."""

    port: int
    server: HttpServer
    told: list[Exchange] = field(default_factory=list)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=HEAD_BYTES_MAX)
        connection = Connection(reader, writer)
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(
        self, target: str, *, method: str = "GET", headers: str = "", body: bytes = b""
    ) -> Answer:
        """One request on a connection of its own; `headers` are whole lines."""
        framing = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: registry.example\r\n{framing}{headers}\r\n"
        async with self.connection() as connection:
            await connection.send(head.encode("latin-1") + body)
            return await connection.answer(to=method)

    async def until_told(self, count: int = 1) -> Exchange:
        """What is told about the request of that number, once it is."""
        await until(lambda: len(self.told) >= count, f"{count} requests told")
        return self.told[count - 1]


@asynccontextmanager
async def serving(
    handle: Handle,
    *,
    limits: Limits | None = None,
    draining: Callable[[], bool] = lambda: False,
    trusted: Trusted = nobody,
    http2: bool = False,
) -> AsyncIterator[Served]:
    """Answer with `handle` until the block ends."""
    listeners = listen("127.0.0.1:0")
    port: int = listeners[0].getsockname()[1]
    told: list[Exchange] = []
    edge = Edge(
        handle,
        errors.answer,
        told.append,
        SystemClock(),
        limits=limits,
        draining=draining,
        trusted=trusted,
    )
    server = HttpServer(edge, listeners, http2=http2)
    server.start()
    try:
        yield Served(port, server, told)
    finally:
        await server.drain(WAIT_S)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Let the event loop go on until `condition()` holds. TimeoutError names what did not."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.002)
    except TimeoutError as late:
        raise TimeoutError(f"not within {WAIT_S:.0f} s: {what}") from late


async def echo(request: Request) -> Response:
    """The body, as it came."""
    return Response(200, [], b"".join([piece async for piece in request.body]))

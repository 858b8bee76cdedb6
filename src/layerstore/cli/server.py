"""The HTTP server of a worker, on sockets that listen already. The only file that knows granian.

Granian's embedded server runs on the worker's own event loop, so that start, drain and end are
ours to order, and one worker may listen on several addresses.
"""

import asyncio
import os
import resource
import socket
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from layerstore.cli.assignment import Tls
from layerstore.web.asgi import Edge
from layerstore.web.sockets import BACKLOG

HEADER_READ_MS: Final = 10_000
"""Milliseconds for the head of a request, and for a connection without one (HTTP/1)."""

CONNECTIONS_MAX: Final = 4_096
"""Connections of one worker on one address; more wait in the kernel.

There are fewer where descriptors are few: half of them stay for files, and the server never finds
itself without one for a connection, which it would try to take again and again.
"""

RUNTIME_THREADS: Final = 2

READ_BYTES: Final = 256 * 1024
"""What is read of a body at a time (HTTP/1). With less, the pieces that many bodies at a time are
written in would have to be gathered (`registry/streams.py`); more is memory for each of them.
"""

CUT_S: Final = 2.0
"""Seconds that requests have to put their things in order once their time is over."""

_HTTP2: Final = HTTP2Settings(
    initial_connection_window_size=16 * 1024 * 1024,
    initial_stream_window_size=4 * 1024 * 1024,
    keep_alive_interval=30_000,
    max_frame_size=1024 * 1024,
    max_headers_size=64 * 1024,
)


class HttpServer:
    """Answers what comes in on some sockets with one Edge."""

    def __init__(
        self,
        edge: Edge,
        listeners: Sequence[socket.socket],
        *,
        tls: Tls | None = None,
        http2: bool = False,
    ) -> None:
        """Takes the sockets over. With `http2` both versions are spoken."""
        self._edge = edge
        most = connections_max(len(listeners))
        self._servers = [_Embedded(edge, listener, tls, http2, most) for listener in listeners]
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        self._running = [loop.create_task(server.serve()) for server in self._servers]

    async def ended(self) -> None:
        """Return when a socket is not served any more, though nobody asked for that."""
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    def stop_accepting(self) -> None:
        """Leave new connections to others; those that are there go on."""
        for server in self._servers:
            server.turn_away()

    async def drain(self, seconds: float) -> bool:
        """Close idle connections, let what runs finish; False when the time was too short."""
        self.stop_accepting()
        for server in self._servers:
            server.stop()  # type: ignore[no-untyped-call]  # granian leaves it without types
        return await _within(seconds, self._finished())

    async def cut(self) -> None:
        """Cancel the requests that still run, and give them a moment for what they hold."""
        self._edge.cut()
        await _within(CUT_S, self._edge.idle())

    async def _finished(self) -> None:
        await asyncio.wait(self._running)  # and not gather: the server's tasks bear no cancelling
        await self._edge.idle()


def connections_max(listeners: int) -> int:
    """Connections on each of so many addresses, by this process's limit of descriptors."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(CONNECTIONS_MAX, descriptors // 2 // max(1, listeners)))


async def _within(seconds: float, work: Awaitable[None]) -> bool:
    """Whether the work was done in time."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


class _Embedded(Server):
    """Granian's embedded server on a socket of ours, whose options it would not set."""

    _shd: Any  # the socket's holder, of which the type stubs know another constructor

    def __init__(
        self,
        edge: Edge,
        listener: socket.socket,
        tls: Tls | None,
        http2: bool,
        connections_max: int,
    ) -> None:
        super().__init__(
            edge,
            interface=Interfaces.ASGINL,
            runtime_threads=RUNTIME_THREADS,
            # The detection of the version has no time limit: silent sockets would hold a worker.
            http=HTTPModes.auto if http2 else HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=connections_max,
            http1_settings=HTTP1Settings(
                header_read_timeout=HEADER_READ_MS, max_buffer_size=READ_BYTES
            ),
            http2_settings=_HTTP2,
            log_enabled=False,
            ssl_cert=tls.certificate if tls else None,
            ssl_key=tls.key if tls else None,
            ssl_protocol_min=SSLProtocols(tls.minimum if tls else "tls1.2"),
            ssl_ca=tls.client_authorities if tls else None,
            ssl_client_verify=tls.client_required if tls else False,
        )
        self._family = listener.family
        self._descriptor = listener.detach()
        self._is_alone = False

    def turn_away(self) -> None:
        """Put a socket on which nobody calls in the place of the one that others share.

        Granian stops accepting only together with closing what it has just accepted.
        """
        if self._is_alone:
            return
        self._is_alone = True
        with socket.socket(socket.AF_UNIX) as silent:
            silent.setblocking(False)
            silent.bind("")  # the kernel chooses a name that nobody is told
            silent.listen()  # or accepting would be an error, over and over
            os.dup2(silent.fileno(), self._descriptor, inheritable=False)

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder
        self._ssp = None
        self._shd = holder(self._descriptor, self._family == socket.AF_UNIX, self.backlog)

"""Several registries behind one address: a reverse proxy that picks one of them for each request.

Bodies pass through in pieces, in both directions, as they come. The client's own Host goes along,
so that a Location made from it leads back here. Which server took what is written down.
"""

from __future__ import annotations

import http.client
import itertools
import random  # noqa: TID251  # seeded: one seed, one order
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from tests.servers import Server

PIECE_BYTES = 256 * 1024
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 5.0
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})

Choice = Callable[[], int]


def in_turn(count: int = 2) -> Choice:
    """The first server, the second, and so on from the beginning."""
    numbers = itertools.cycle(range(count))
    return lambda: next(numbers)


def at_random(seed: int, count: int = 2) -> Choice:
    """Any of the servers; the same seed makes the same choices."""
    chance = random.Random(seed)
    return lambda: chance.randrange(count)


class OneAddress:
    """The proxy at `host`, and how often each server was asked."""

    def __init__(self, host: str, servers: Sequence[Server], choose: Choice) -> None:
        self.host = host
        self.asked = [0] * len(servers)
        self._servers = servers
        self._choose = choose
        self._lock = threading.Lock()

    def next_host(self) -> str:
        with self._lock:
            number = self._choose()
            self.asked[number] += 1
        return self._servers[number].host


@contextmanager
def one_address(servers: Sequence[Server], choose: Choice) -> Iterator[OneAddress]:
    """The servers behind an address of the proxy's own, as long as the block runs."""

    class Handler(_Passing):
        pass

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        Handler.address = OneAddress(f"127.0.0.1:{listener.server_port}", servers, choose)
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield Handler.address
        finally:
            listener.shutdown()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Passing(BaseHTTPRequestHandler):
    """Passes a request on to the server whose turn it is, and its answer back."""

    address: ClassVar[OneAddress]
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        with suppress(ConnectionResetError):  # how some clients end a connection
            super().handle()

    def _pass(self) -> None:
        backend = http.client.HTTPConnection(self.address.next_host(), timeout=ANSWER_SECONDS)
        try:
            body = _Body(self)
            with suppress(BrokenPipeError, ConnectionResetError):  # answered before all was sent
                self._send(backend, body)
            with backend.getresponse() as response:
                self._give_back(response)
            self.close_connection = self.close_connection or not body.is_read
        finally:
            backend.close()

    do_GET = do_HEAD = do_POST = _pass  # noqa: N815  # http.server calls methods by these names
    do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815  # the same

    def _send(self, backend: http.client.HTTPConnection, body: _Body) -> None:
        backend.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _OF_THE_CONNECTION:
                backend.putheader(name, value)
        if body.is_chunked:
            backend.putheader("Transfer-Encoding", "chunked")
        backend.endheaders(body.pieces(), encode_chunked=body.is_chunked)

    def _give_back(self, response: http.client.HTTPResponse) -> None:
        length = response.getheader("Content-Length")
        content = b"" if length else response.read()
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        if not length and response.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        while piece := response.read(PIECE_BYTES):
            self.wfile.write(piece)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the servers write what they were asked."""


class _Body:
    """The body of the request that a handler holds, piece by piece."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._source = handler.rfile
        self._length = int(handler.headers.get("Content-Length") or 0)
        self.is_chunked = handler.headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.is_read = False

    def pieces(self) -> Iterator[bytes]:
        yield from self._chunks() if self.is_chunked else self._parts(self._length)
        self.is_read = True

    def _parts(self, length: int) -> Iterator[bytes]:
        while length and (piece := self._source.read(min(length, PIECE_BYTES))):
            length -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._source.readline().partition(b";")[0], 16):
            yield from self._parts(size)
            self._source.readline()
        self._source.readline()

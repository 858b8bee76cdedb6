"""A registry that speaks schema 1 only: a proxy before a real one.

Manifests of schema 2 are refused, so that clients fall back to the older form, and manifests are
asked for as a client that knows no other form asks. Everything else goes through.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from layerstore.oci.descriptor import DOCKER_MANIFEST, SCHEMA1_SIGNED
from tests.clients.registry_reader import ANSWER_SECONDS
from tests.servers import Server

REFUSAL = b'{"errors":[{"code":"MANIFEST_INVALID","message":"schema 2 is not taken here"}]}'
_OF_THE_CONNECTION = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length"})


@contextmanager
def speaking_schema1_only(behind: Server) -> Iterator[str]:
    """The host of the proxy, as long as the block runs."""

    class Handler(_Forwarding):
        target = behind.host

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Forwarding(BaseHTTPRequestHandler):
    """Sends every request on whole; for small images only."""

    target: ClassVar[str]
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self._body()
        if self.command == "PUT" and self.headers.get("Content-Type") == DOCKER_MANIFEST:
            self._answer(400, [("Content-Type", "application/json")], REFUSAL)
            return
        connection = http.client.HTTPConnection(self.target, timeout=ANSWER_SECONDS)
        try:
            headers = dict(_end_to_end(self.headers.items()))
            if "/manifests/" in self.path:
                headers["Accept"] = SCHEMA1_SIGNED
            connection.request(self.command, self.path, body, headers)
            with connection.getresponse() as response:
                content = response.read()
                told = _end_to_end(response.getheaders())
                length = response.getheader("Content-Length", "0")
                self._answer(response.status, told, content, int(length))
        finally:
            connection.close()

    do_GET = do_HEAD = do_POST = _forward  # noqa: N815  # http.server calls methods by these names
    do_PUT = do_PATCH = do_DELETE = _forward  # noqa: N815  # the same

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def _end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _OF_THE_CONNECTION]

"""`python -m bench.sink PORT`: takes what Docker pushes, throws it away, and says that it has it.

No registry: it shows how long a push takes when the server costs next to nothing.
"""

from __future__ import annotations

import hashlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from secrets import token_hex
from urllib.parse import parse_qs, urlsplit

PIECE_BYTES = 1024 * 1024
UPLOADS = "/v2/bench/docker/blobs/uploads/"


def discarded(body: BufferedIOBase, length: str | None) -> int:
    """Read a body to its end, in chunks where it tells no length; answers how long it was."""
    if length is not None:
        return _discarded(body, int(length))
    total = 0
    while size := int(body.readline().partition(b";")[0], 16):
        total += _discarded(body, size)
        body.readline()
    body.readline()
    return total


def _discarded(body: BufferedIOBase, size: int) -> int:
    left = size
    while left and (piece := body.read(min(left, PIECE_BYTES))):
        left -= len(piece)
    return size - left


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sizes: dict[str, int] = {}  # noqa: RUF012  # the handler is made anew for each connection

    def do_GET(self) -> None:
        self._answer(200)

    def do_HEAD(self) -> None:
        size = self.sizes.get(self.path.rpartition("/")[2])
        self._answer(404 if size is None else 200, size or 0)

    def do_POST(self) -> None:
        self._take()
        self._answer(202, location=f"{UPLOADS}{token_hex(16)}")

    def do_PATCH(self) -> None:
        self.sizes[self.path] = self._take()
        self._answer(202, location=self.path)

    def do_PUT(self) -> None:
        """The end of a blob, whose size stays known; or a manifest, whose digest Docker wants."""
        place = urlsplit(self.path)
        if named := parse_qs(place.query).get("digest"):
            self._take()
            self.sizes[named[0]] = self.sizes.pop(place.path, 0)
            self._answer(201)
        else:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(201, digest=f"sha256:{hashlib.sha256(content).hexdigest()}")

    def _take(self) -> int:
        is_chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        return discarded(
            self.rfile, None if is_chunked else self.headers.get("Content-Length", "0")
        )

    def _answer(
        self, status: int, length: int = 0, location: str = UPLOADS, digest: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Location", location)
        self.send_header("Range", f"0-{max(self.sizes.get(location, 0) - 1, 0)}")
        self.send_header("Docker-Content-Digest", digest)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # its name is given
        """Nothing is said."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Sink).serve_forever()

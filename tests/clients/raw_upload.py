"""An upload session driven by hand: bodies that break off, states that are read, other servers.

Every request has a connection of its own, so that it may meet another worker than the last one.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

ANSWER_SECONDS = 60
PIECE_BYTES = 64 * 1024
OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class SessionState:
    """What the server said of a session: its size, and where to go on."""

    status: int
    size: int
    location: str


@dataclass(frozen=True)
class RawUpload:
    """Upload sessions of one repository of the registry at `host`."""

    host: str
    repository: str

    def begin(self) -> SessionState:
        return self._ask("POST", f"/v2/{self.repository}/blobs/uploads/")

    def state(self, location: str) -> SessionState:
        return self._ask("GET", location)

    def send(self, location: str, offset: int, body: bytes) -> SessionState:
        """Send one whole chunk that begins at `offset`."""
        headers = {
            "Content-Type": OCTETS,
            "Content-Range": f"{offset}-{offset + len(body) - 1}",
        }
        return self._ask("PATCH", location, body, headers)

    def send_and_break(self, location: str, offset: int, body: bytes, sent: int) -> None:
        """Announce all of `body`, send its first `sent` bytes, and vanish."""
        host, _, port = self.host.partition(":")
        head = (
            f"PATCH {_target(location)} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: {OCTETS}\r\nContent-Length: {len(body)}\r\n"
            f"Content-Range: {offset}-{offset + len(body) - 1}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(head.encode())
            for at in range(0, sent, PIECE_BYTES):
                connection.sendall(body[at : min(at + PIECE_BYTES, sent)])

    def commit(self, location: str, digest: str, body: bytes = b"") -> int:
        """Finish the session with `digest`; answers with the status."""
        joint = "&" if "?" in location else "?"
        target = f"{location}{joint}digest={digest}"
        return self._ask("PUT", target, body, {"Content-Type": OCTETS}).status

    def _ask(
        self, method: str, location: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> SessionState:
        connection = http.client.HTTPConnection(self.host, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, _target(location), body or None, headers or {})
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        place = response.getheader("Location") or location
        return SessionState(response.status, _size(response), place)


def _target(location: str) -> str:
    """The path and the query, whichever server the location names."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _size(response: http.client.HTTPResponse) -> int:
    """How much the session has. `0-0` means nothing: the tests never send a single byte."""
    first, _, last = (response.getheader("Range") or "0-0").partition("-")
    return int(last) + 1 if (first, last) != ("0", "0") else 0

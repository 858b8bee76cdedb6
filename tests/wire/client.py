"""What a wire test says and hears: one request, one answer, nothing interpreted."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ANSWER_SECONDS = 30.0

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """A complete answer; header names in lower case, every line of its own."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str:
        location = self.header("location")
        assert location is not None, self
        return location

    @property
    def codes(self) -> list[str]:
        """The codes of the errors that it tells."""
        return [error["code"] for error in self.json()["errors"]]


class Wire(Protocol):
    """Somebody to ask."""

    def ask(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """The answer to one request; a body that is no bytes goes out in chunks."""


def lines(headers: Headers) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def _answer(response: http.client.HTTPResponse) -> Answer:
    received = [(name.lower(), value) for name, value in response.getheaders()]
    return Answer(response.status, received, response.read())


class SlowSender:
    """One request whose body of `length` bytes is sent when the test says so."""

    def __init__(self, host: str, method: str, target: str, length: int) -> None:
        self._connection = http.client.HTTPConnection(host, timeout=ANSWER_SECONDS)
        self._connection.putrequest(method, target)
        self._connection.putheader("Content-Length", str(length))
        self._connection.endheaders()

    def send(self, content: bytes) -> None:
        """Send more of the body; nothing when the other side has heard enough."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(content)

    def answer(self) -> Answer:
        with self._connection.getresponse() as response:
            return _answer(response)

    def close(self) -> None:
        self._connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(str(self._path))


class SocketWire:
    """Asks the server at `host` over a connection of its own for each request."""

    def __init__(self, host: str) -> None:
        self.host = host

    def ask(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=ANSWER_SECONDS)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
                self._send(connection, method, target, lines(headers), body)
            with connection.getresponse() as response:
                return _answer(response)
        finally:
            connection.close()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes | Iterable[bytes],
    ) -> None:
        named = {name.lower() for name, _ in headers}
        connection.putrequest(method, target, skip_host="host" in named, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if not isinstance(body, bytes):
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders(body, encode_chunked=True)
            return
        if "content-length" not in named and (body or method in ("POST", "PUT", "PATCH")):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)

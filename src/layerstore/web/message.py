"""A request as handlers see it, and the answer that they give back.

No server is named here: `asgi.py` makes a Request from what the server hands over and sends a
Response. Header names are lower-case in a Request.
"""

from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from layerstore.web.headers import HeaderLines

PIECE_BYTES_MAX: Final = 1024 * 1024
"""Bytes of content that one step of a stream holds."""


class BodyBroken(Exception):
    """The sender went away before the body was complete; nobody is left to answer."""


class Body(Protocol):
    """The bytes of a request, to be read once.

    Iterating raises BodyBroken when the sender vanishes and BodyStalled (oci/errors) when it sends
    nothing, or too little, for too long; only a complete body ends.
    """

    @property
    def length(self) -> int | None:
        """Content-Length; None when the body comes in chunks of its own."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks as they arrive, none of them empty."""


@dataclass(slots=True)
class Request:
    """One request.

    `notes` is what handlers learn for the log: the caller and the things named in the address,
    under the names of registry-facts §3.2 (`auth.user.name`, `vars.name`, …).
    """

    method: str
    path: str
    query: str
    headers: HeaderLines
    body: Body
    peer: str = ""
    scheme: str = "http"
    id: str = ""
    notes: MutableMapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileBody:
    """A whole local file of exactly `size` bytes, sent without passing through Python."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class StreamBody:
    """Chunks of at most 1 MiB whose lengths add up to `size`, asked for as fast as they are sent.

    A stream that raises or falls short breaks the connection: a client never takes it for whole.
    """

    chunks: AsyncIterator[bytes]
    size: int


ResponseBody = bytes | FileBody | StreamBody


@dataclass(slots=True)
class Response:
    """An answer. Content-Length is set from the body; an answer to HEAD keeps its body's length.

    `length` stands for the body of an answer that has none to send (HEAD of a blob).
    """

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: ResponseBody = b""
    length: int | None = None

    @property
    def content_length(self) -> int:
        """The bytes that a GET would be sent."""
        if self.length is not None:
            return self.length
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

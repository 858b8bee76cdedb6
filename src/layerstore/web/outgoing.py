"""An answer on its way out, in the server's messages.

First `prepare`, which may fail and has sent nothing: then another answer takes its place. Then
`Outgoing.send`, which keeps what the headers promised or breaks the connection.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from layerstore.oci.errors import Unavailable
from layerstore.web.files import INLINE_BYTES_MAX, HeldFiles, read_checked
from layerstore.web.incoming import Receive
from layerstore.web.message import FileBody, Response, StreamBody
from layerstore.web.silence import Silence

HEADERS_KEPT: Final = 256
"""Headers that stay encoded; most answers of a kind say the same."""

READER_STALL_S: Final = 120.0
"""Seconds that a client may take nothing of a stream; the same as on its socket (`sockets.py`)."""

READER_RATE_MIN: Final = 1024
"""Bytes a second that a client has to take of a stream, where a piece of it takes longer."""

LONG_STREAM_BYTES: Final = 1024 * 1024
"""An answer that has more of them may be held up by a slow reader with some MiB of it in memory."""

CUT_BYTES: Final = 128 * 1024
"""Pieces of a long answer that is in memory; the server holds some of them for a slow reader."""

LONG_STREAMS_MAX: Final = 256
"""Long streams that are on their way at the same time."""

LONG_STREAMS_RETRY_S: Final = 5
"""Seconds after which a client may ask again for one that was too many."""

EncodedHeader: TypeAlias = tuple[bytes, bytes]

_SERVER: Final = (b"server", b"layerstore")
_BODILESS: Final = frozenset({204, 304})
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Any: messages are dictionaries of the server's, of many shapes.
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class AnswerInvalid(Exception):
    """A status or header that must not be sent: a fault of ours."""


class StreamBroken(Exception):
    """An answer's body ended too early or would not end; breaks the connection."""


class ClientLeft(Exception):
    """Nobody reads the rest of an answer."""


class LongStreams:
    """Counts the long streams that are on their way from this process."""

    def __init__(self, limit: int = LONG_STREAMS_MAX) -> None:
        self._limit = limit
        self._under_way = 0

    @contextmanager
    def one_more(self, size: int) -> Iterator[None]:
        """One of so many bytes is on its way within the block. Raises Unavailable."""
        if size <= LONG_STREAM_BYTES:
            yield
            return
        if self._under_way >= self._limit:
            raise Unavailable(
                message="too many transfers at the same time", retry_after=LONG_STREAMS_RETRY_S
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1


class _SentFile(NamedTuple):
    path: str


class _SentStream(NamedTuple):
    """What comes of a stream: its first piece, and the source of the others."""

    first: bytes
    rest: AsyncIterator[bytes]


@dataclass(slots=True)
class Outgoing:
    """An answer that is ready to be sent; `sent` are the bytes of its body that went out."""

    response: Response
    _headers: list[EncodedHeader]
    _body: bytes | _SentFile | _SentStream
    sent: int = 0

    async def send(self, send: Send, gone: Receive | None) -> None:
        """Send it.

        `gone` is asked for the message that the client has left, where that can be asked. Raises
        ClientLeft, StreamBroken, or what the stream raises, to break the connection.
        """
        status, body = self.response.status, self._body
        await send({"type": "http.response.start", "status": status, "headers": self._headers})
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body})
            self.sent = len(body)
        elif isinstance(body, _SentFile):
            await send({"type": "http.response.pathsend", "path": body.path})
            self.sent = self.response.content_length
        else:
            await self._send_stream(body, send, gone)

    async def _send_stream(self, stream: _SentStream, send: Send, gone: Receive | None) -> None:
        try:
            async with _watched(gone) as has_left:
                async for piece in _all(stream):
                    await asyncio.sleep(0)  # nothing else lets the watch look once nobody reads
                    if has_left():
                        raise ClientLeft
                    await _send_piece(piece, send)
                    self.sent += len(piece)
        finally:
            await _close(stream.rest)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_piece(piece: bytes, send: Send) -> None:
    """Raises ClientLeft when the client takes too long for it."""
    try:
        async with Silence(max(READER_STALL_S, len(piece) / READER_RATE_MIN)):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        raise ClientLeft from None


async def prepare(
    response: Response,
    method: str,
    standing: Iterable[EncodedHeader],
    files: HeldFiles,
    streams: LongStreams,
) -> Outgoing:
    """Everything that can fail before the answer begins; `standing` are headers that it has too.

    Raises AnswerInvalid, BlobUnknown when a file is gone, Unavailable when there are too many long
    streams, and whatever a stream's first piece raises.
    """
    headers, body = _headers(response, standing), response.body
    if method == "HEAD" or response.status in _BODILESS:
        await _give_up(body)
        return Outgoing(response, headers, b"")
    if isinstance(body, bytes) and len(body) <= LONG_STREAM_BYTES:
        return Outgoing(response, headers, body)
    return Outgoing(response, headers, await _body(body, files, streams))


async def close(response: Response) -> None:
    """Let go of what an answer that will not be sent holds."""
    await _give_up(response.body)


async def _body(
    body: bytes | FileBody | StreamBody, files: HeldFiles, streams: LongStreams
) -> bytes | _SentFile | _SentStream:
    match body:
        case FileBody(size=size) as file if size <= INLINE_BYTES_MAX:
            return read_checked(file)
        case FileBody() as file:
            return _SentFile(files.path_for(file))
        case StreamBody(chunks, size):
            pieces = _promised(chunks, size, streams)
        case bytes() as whole:
            pieces = _promised(_cut(whole), len(whole), streams)
    return _SentStream(await anext(pieces, b""), pieces)


async def _cut(whole: bytes) -> AsyncIterator[bytes]:
    """What is in memory already, in pieces that a client has to take one after the other."""
    for at in range(0, len(whole), CUT_BYTES):
        yield whole[at : at + CUT_BYTES]


def _headers(response: Response, standing: Iterable[EncodedHeader]) -> list[EncodedHeader]:
    if not 200 <= response.status <= 599:
        raise AnswerInvalid(f"status {response.status}")
    headers = [_encoded(header) for header in response.headers]
    if b"server" not in [name for name, _ in headers]:
        headers.append(_SERVER)
    headers += standing
    if response.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % response.content_length))
    return headers


@lru_cache(HEADERS_KEPT)
def _encoded(header: tuple[str, str]) -> EncodedHeader:
    """As it is sent, if it may be: whoever reads it finds one header and no other."""
    name, value = header
    if _HEADER_NAME.fullmatch(name) is None:
        raise AnswerInvalid(f"header {name!r}")
    if _HEADER_VALUE.fullmatch(value) is None:
        raise AnswerInvalid(f"header {name!r}: {value!r}")
    return name.encode("latin-1"), value.encode("latin-1")


async def _promised(
    chunks: AsyncIterator[bytes], size: int, streams: LongStreams
) -> AsyncIterator[bytes]:
    """The pieces, each once the next one is there: no client has all when the end was a failure."""
    left, held = size, b""
    try:
        with streams.one_more(size):
            async for piece in chunks:
                left -= len(piece)
                if left < 0:
                    raise StreamBroken(f"more than the {size} bytes promised")
                if held:
                    yield held
                held = piece
            if left:
                raise StreamBroken(f"{size - left} bytes of the {size} promised")
            if held:
                yield held
    finally:
        await _close(chunks)


async def _all(stream: _SentStream) -> AsyncIterator[bytes]:
    if stream.first:
        yield stream.first
    async for piece in stream.rest:
        yield piece


@asynccontextmanager
async def _watched(gone: Receive | None) -> AsyncIterator[Callable[[], bool]]:
    """Asks, beside the block, for the message that the client has left."""
    if gone is None:
        yield lambda: False
        return
    watch = asyncio.ensure_future(_until_gone(gone))
    try:
        yield watch.done
    finally:
        watch.cancel()


async def _until_gone(gone: Receive) -> None:
    while (await gone())["type"] != "http.disconnect":
        pass


async def _give_up(body: object) -> None:
    if isinstance(body, StreamBody):
        await _close(body.chunks)


async def _close(chunks: AsyncIterator[bytes]) -> None:
    """Generators close what they have open only when they are told to."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()

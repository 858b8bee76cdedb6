"""HTTP to a store: the only file that knows the client library.

One exchange at a time, without retries and without a word of what is said in it. Failures of the
network are Trouble. Connections live as long as the event loop that they were made in.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from layerstore.storage.objects.patience import Trouble
from layerstore.storage.objects.store import Body

CONNECT_S: Final = 5.0
"""Seconds until a connection stands."""

SILENCE_S: Final = 30.0
"""Seconds for which a store may send nothing of what it streams."""

ANSWER_S: Final = 12.0
"""Seconds for a whole answer, unless the caller allows more; a call has room for a second try."""

LEAST_RATE: Final = 128 * 1024
"""Bytes a second that a store has to take of a body."""

CALLS_AT_ONCE: Final = 100
"""Connections of one process for calls that end soon."""

STREAMS_AT_ONCE: Final = 1000
"""Connections of one process whose pace a reader sets."""

PIECE_BYTES: Final = 256 * 1024
"""Bytes of a body that are handed to the connection at a time."""

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""Bytes of an answer that is taken whole."""

_NOT_ADDED: Final = ("Content-Type", "Accept", "Accept-Encoding", "User-Agent")


class Answer(NamedTuple):
    """A whole answer; names of headers are as they were sent, found in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def age_s(self) -> float:
        """Seconds since what it holds was written, by the sender's clock; 0 if it does not tell."""
        try:
            moments = [
                parsedate_to_datetime(self.headers[name]) for name in ("Last-Modified", "Date")
            ]
        except (KeyError, ValueError):
            return 0.0
        return (moments[1] - moments[0]).total_seconds()


class Opened(NamedTuple):
    """An answer whose content is still to come."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class HttpClient:
    """Connections to one store."""

    def __init__(self, *, verify: bool = True, calls_at_once: int = CALLS_AT_ONCE) -> None:
        """`verify` is whether certificates are checked."""
        self._calls_at_once = calls_at_once
        self._verify = verify
        self._loop: asyncio.AbstractEventLoop | None = None
        self._living: AsyncGenerator[None, None] | None = None
        self._calls: aiohttp.ClientSession
        self._streams: aiohttp.ClientSession

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        """One request and its whole answer. Raises Trouble."""
        await self._live()
        size = len(body) if isinstance(body, bytes) else body.size
        data = body if isinstance(body, bytes) and size <= PIECE_BYTES else _sent(body)
        headers = {**headers, "Content-Length": str(size)}
        try:
            async with (
                asyncio.timeout(within_s + size / LEAST_RATE),
                self._calls.request(
                    method, URL(url, encoded=True), headers=headers, data=data or None
                ) as response,
            ):
                if (response.content_length or 0) > ANSWER_BYTES_MAX and method != "HEAD":
                    raise Trouble("the store's answer is too long")
                return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Trouble(_reason(error)) from error

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[Opened, None]:
        """One request; the content of its answer comes as fast as it is taken. Raises Trouble."""
        await self._live()
        try:
            async with self._streams.request(
                method, URL(url, encoded=True), headers=headers
            ) as response:
                chunks = response.content.iter_any()
                yield Opened(response.status, response.headers, chunks)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Trouble(_reason(error)) from error

    async def close(self) -> None:
        """Give the connections back; the next request makes new ones."""
        if self._living is not None:
            await self._living.aclose()
            self._living = None
            self._loop = None

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self._living = self._lived()
            await anext(self._living)

    async def _lived(self) -> AsyncGenerator[None, None]:
        """Sessions that end with this generator: a loop that ends ends its generators first."""
        async with (
            self._session(self._calls_at_once, None) as self._calls,
            self._session(STREAMS_AT_ONCE, SILENCE_S) as self._streams,
        ):
            yield

    def _session(self, connections: int, silence_s: float | None) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=self._verify),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_ADDED,
        )


async def _sent(body: bytes | Body) -> AsyncIterator[bytes | memoryview]:
    """In pieces, for others have their turn between two of them."""
    if isinstance(body, bytes):
        whole = memoryview(body)
        for start in range(0, len(whole), PIECE_BYTES):
            yield whole[start : start + PIECE_BYTES]
        return
    async for piece in body.pieces():
        yield piece


def _reason(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "the store does not answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return "the store's certificate is not good"
        case aiohttp.ClientConnectorDNSError():
            return f"nobody knows the store's name {error.host}"
        case aiohttp.ClientConnectorSSLError():
            return f"there is no TLS at {error.host}:{error.port}"
        case aiohttp.ClientConnectorError():
            return f"the store cannot be reached at {error.host}:{error.port}"
    return "the connection to the store broke"

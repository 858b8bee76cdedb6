"""The body of a request, as the server hands it over piece by piece.

Told in the server's own messages (`http.request`, `http.disconnect`), so this file and `asgi.py`
are the ones that know ASGI. Nothing leaves it but bytes, BodyBroken and BodyStalled.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn

from layerstore.clock import Clock
from layerstore.oci.errors import BodyStalled
from layerstore.web.message import BodyBroken
from layerstore.web.silence import Listening

DISCARD_BYTES_MAX: Final = 256 * 1024
"""Bytes of an unwanted body that are taken in, so that its sender reads the answer."""

DISCARD_S: Final = 1.0
"""Seconds that such a body may take."""

# Any: messages are dictionaries of the server's, of many shapes.
Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class IncomingBody:
    """A Body that a server sends. `length` is Content-Length, None when there is none.

    `progress_s` seconds without a byte are too many, and so are fewer than `rate_min` bytes a
    second over `rate_window_s` seconds; only the time spent waiting for the sender counts, and
    none in which this process was stopped.
    """

    __slots__ = (
        "_clock",
        "_listening",
        "_progress_s",
        "_rate_min",
        "_rate_window_s",
        "_receive",
        "_waited_s",
        "_window_bytes",
        "is_broken",
        "is_ended",
        "is_stalled",
        "length",
        "size",
    )

    def __init__(
        self,
        receive: Receive,
        length: int | None,
        clock: Clock,
        *,
        progress_s: float,
        rate_min: int,
        rate_window_s: float,
    ) -> None:
        self.length = length
        self.size = 0
        self.is_ended = length == 0
        self.is_broken = False
        self.is_stalled = False
        self._receive = receive
        self._clock = clock
        self._progress_s = progress_s
        self._listening: Listening | None = None  # most requests have no body
        self._rate_min = rate_min
        self._rate_window_s = rate_window_s
        self._waited_s = 0.0
        self._window_bytes = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while not self.is_ended:
            piece = await self._piece()
            if piece:
                return piece
        raise StopAsyncIteration

    async def discard(self) -> None:
        """Take in what is left, if that is little; a larger rest stays where it is."""
        if self._is_not_worth_waiting():
            return
        limit = self.size + DISCARD_BYTES_MAX
        try:
            async with asyncio.timeout(DISCARD_S):
                while not self.is_ended and self.size < limit:
                    await self._piece()
        except (TimeoutError, BodyBroken, BodyStalled):
            return

    def _is_not_worth_waiting(self) -> bool:
        left = 0 if self.length is None else self.length - self.size
        return self.is_ended or self.is_broken or self.is_stalled or left > DISCARD_BYTES_MAX

    async def _piece(self) -> bytes:
        message = await self._message()
        if message["type"] != "http.request":
            self._break()
        piece: bytes = message.get("body", b"")
        self.size += len(piece)
        if not message.get("more_body", False):
            self.is_ended = True
            if self.length is not None and self.size != self.length:
                self._break()
        self._check_rate(len(piece))
        return piece

    def _break(self) -> NoReturn:
        self.is_broken = True
        raise BodyBroken

    async def _message(self) -> Mapping[str, Any]:
        if self._listening is None:
            self._listening = Listening(self._progress_s)
        listening, began = self._listening, self._clock.monotonic()
        listening.begin()
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if listening.gave_up():
                self._stall()
            raise
        finally:
            listening.end()
        self._waited_s += min(self._clock.monotonic() - began, listening.most_s)
        return message

    def _check_rate(self, size: int) -> None:
        self._window_bytes += size
        if self._waited_s < self._rate_window_s:
            return
        if self._window_bytes < self._rate_min * self._waited_s and not self.is_ended:
            self._stall()
        self._waited_s = 0.0
        self._window_bytes = 0

    def _stall(self) -> NoReturn:
        self.is_stalled = True
        raise BodyStalled

"""Reading a span of an object, however often the connection breaks.

What came is kept: the next attempt asks for the rest of the very same version.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.objects.http import Answer, Opened
from layerstore.storage.objects.patience import Patience, Trouble

PIECE_BYTES: Final = 1024 * 1024
"""Bytes that are handed out at a time."""


class Spanned(Protocol):
    """A store that gives spans of objects."""

    @property
    def name(self) -> str:
        """The name of the driver."""

    def open(self, key: str, span: str, version: str) -> AbstractAsyncContextManager[Opened]:
        """One request for the span (the value of a Range header, empty for everything) of that
        version (empty: the present one).
        """

    def version(self, opened: Opened) -> str:
        """Which version an answer is about."""

    def is_absent(self, key: str, answer: Answer) -> bool:
        """Whether there is nothing to read. Raises Trouble and StorageError."""


async def read(
    store: Spanned, patience: Patience, key: str, start: int, end: int | None
) -> AsyncIterator[bytes]:
    """The bytes from `start` up to before `end` (None: the end), at most 1 MiB at a time.

    The first step raises KeyError when there is no object. Past its end there is nothing.
    """
    turn, version = 0, ""
    while end is None or start < end:
        patience.check(key)
        try:
            async with store.open(key, _span(start, end), version) as opened:
                if not await _has_content(store, key, opened, start, version):
                    return
                patience.answered()
                version = version or store.version(opened)
                async for chunk in opened.chunks:
                    turn = 0
                    for at in range(0, len(chunk), PIECE_BYTES):
                        piece = chunk[at : at + PIECE_BYTES]
                        start += len(piece)
                        yield piece
                return
        except Trouble as trouble:
            await patience.failed(key, trouble, turn)
            turn += 1


def _span(start: int, end: int | None) -> str:
    """Nothing for a whole object, for an empty one has no span."""
    if not start and end is None:
        return ""
    return f"bytes={start}-{'' if end is None else end - 1}"


async def _has_content(store: Spanned, key: str, opened: Opened, start: int, version: str) -> bool:
    """Whether what was asked for comes; nothing does from behind the end of an object."""
    if opened.status == 416:
        return False
    if opened.status == 200 and start:
        raise StorageUnavailable(store.name, f"/{key}", "the store does not know spans")
    is_good = opened.status in (200, 206)
    content = b"" if is_good else b"".join([chunk async for chunk in opened.chunks])
    if not store.is_absent(key, Answer(opened.status, opened.headers, content)):
        return True
    if version:
        raise StorageUnavailable(store.name, f"/{key}", "it was replaced while it was read")
    raise KeyError(key)

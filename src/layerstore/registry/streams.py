"""Bytes on their way through the registry: gathered, and hashed beside being written."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from typing import Final

from layerstore.gathered import Gathered
from layerstore.oci.digest import Hasher, Verifier
from layerstore.oci.hashstate import can_save_states, new_hasher, resume_hasher

PIECE_BYTES: Final = 2 * 1024 * 1024
"""Bytes gathered into one piece, which is then hashed and written in one step each."""

GATHERED_BYTES: Final = 8 * 1024 * 1024
"""Bytes that all pieces of a process have together at most, as long as few gather."""

WORTH_GATHERING_BYTES: Final = 1024 * 1024
"""What would be a smaller piece is not gathered, for that takes a copy and twice the memory."""

PIECE_BYTES_MIN: Final = 256 * 1024
"""The least that is hashed and written in a step each, but for the last bytes."""

NOTED_BYTES: Final = 1024 * 1024
"""A piece for a distant driver ends at a whole number of them."""

HASHED_AT_ONCE_BYTES: Final = 128 * 1024
"""Bytes that are hashed in less time than a thread takes to be asked."""


class Sharing:
    """How large a piece is, by how many bodies are gathered at the moment."""

    def __init__(self) -> None:
        self._bodies = 0

    @contextmanager
    def body(self) -> Iterator[None]:
        """One body more, inside."""
        self._bodies += 1
        try:
            yield
        finally:
            self._bodies -= 1

    @property
    def piece_bytes(self) -> int:
        share = GATHERED_BYTES // max(1, self._bodies)
        return min(PIECE_BYTES, share) if share >= WORTH_GATHERING_BYTES else PIECE_BYTES_MIN


_OF_THIS_PROCESS: Final = Sharing()

_HASHING: Final = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "hashing")
"""As many threads as cores: hashing waits for nothing, more of them would wait for each other."""


async def pieces(
    chunks: AsyncIterable[bytes],
    sharing: Sharing = _OF_THIS_PROCESS,
    *,
    loses_nothing: bool = True,
) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of at least 2 MiB, 256 KiB where many gather, but for the last one.

    When the chunks raise, what was gathered is given out first: nothing that arrived is lost,
    unless nobody wants a part of it.
    """
    gathered = Gathered()
    broken: BaseException | None = None
    with sharing.body():
        try:
            async for chunk in chunks:
                gathered.add(chunk)
                del chunk
                if gathered.size >= sharing.piece_bytes:
                    piece = gathered.take()
                    yield piece
                    del piece
        except Exception as error:  # noqa: BLE001  # raised again below, behind the last piece
            broken = error
        if gathered.size and (broken is None or loses_nothing):
            yield gathered.take()
    if broken is not None:
        try:
            raise broken
        finally:
            del broken  # an error that holds itself would keep all that was on its way


async def hashed(chunks: AsyncIterable[bytes], hasher: Hasher) -> AsyncGenerator[bytes, None]:
    """The same pieces; each is hashed off the event loop while whoever asked for it writes it."""
    loop = asyncio.get_running_loop()
    async for chunk in chunks:
        if len(chunk) <= HASHED_AT_ONCE_BYTES:
            hasher.update(chunk)
            yield chunk
            continue
        hashing = loop.run_in_executor(_HASHING, hasher.update, chunk)
        try:
            yield chunk
        finally:
            await hashing
        del chunk, hashing


class NotedPieces:
    """The same bytes, hashed as they come, in pieces that none crosses a whole MiB of the file.

    For a distant driver: it keeps the hash of what it wrote as a note, so that whoever goes on
    need not read the bytes again. Gathers nothing, for many senders wait for buffers at the same
    time; and hashes on the event loop, where a piece takes less than handing it over would.
    """

    def __init__(self, chunks: AsyncIterable[bytes], algorithm: str, size: int) -> None:
        """`size` is how much of the file is there."""
        self._chunks = aiter(chunks)
        self._algorithm = algorithm
        self._at = size
        self._hasher: Hasher | None = None
        self._rest = b""

    def take_up(self, note: bytes | None) -> None:
        self._hasher = noted_hasher(self._algorithm, note, self._at)

    async def of(self, size: int) -> bytes | None:
        hasher = self._hasher
        state = hasher.state() if hasher is not None and hasher.size == size else None
        return None if state is None else self._algorithm.encode() + b":" + state

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = self._rest or await anext(self._chunks)
        room = NOTED_BYTES - self._at % NOTED_BYTES
        piece, self._rest = chunk[:room], chunk[room:]
        self._at += len(piece)
        if self._hasher is not None:
            self._hasher.update(piece)
        return piece


def noted_hasher(algorithm: str, note: bytes | None, size: int) -> Hasher | None:
    """A hasher that has taken the first `size` bytes; None when the note does not say how."""
    if size == 0:
        return new_hasher(algorithm)
    start = algorithm.encode() + b":"
    if note is None or not note.startswith(start) or not can_save_states():
        return None
    return resume_hasher(algorithm, note.removeprefix(start), size)


async def verified(chunks: AsyncIterable[bytes], verifier: Verifier) -> AsyncGenerator[bytes, None]:
    """The same bytes, gathered and hashed; DigestInvalid in place of the end if they don't fit."""
    async with (
        aclosing(pieces(chunks, loses_nothing=False)) as gathered,
        aclosing(hashed(gathered, verifier)) as through,
    ):
        async for chunk in through:
            yield chunk
    verifier.check()


async def verified_as_it_comes(
    chunks: AsyncIterable[bytes], verifier: Verifier
) -> AsyncGenerator[bytes, None]:
    """The same, for a distant driver: nothing is gathered, and hashed on the event loop."""
    async for chunk in chunks:
        verifier.update(chunk)
        yield chunk
    verifier.check()

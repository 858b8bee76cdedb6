"""Buffers for parts: a bounded number of bytes, however many send at the same time.

A part is gathered in a buffer before it is sent, for a store takes nothing piecemeal and may have
to be asked twice. Whoever has none waits. A sender that does not fill his in time has what came
put into a temporary file, and others have the buffer.
"""

import asyncio
import hashlib
import mmap
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

FILL_S: Final = 10.0
"""Seconds that a sender may take to fill a buffer."""

PIECE_BYTES: Final = 256 * 1024
"""Bytes that are handed to the network at a time."""

_FILE_PIECE_BYTES: Final = 1024 * 1024


class SpillFailed(Exception):
    """There is no room for a temporary file."""


class Buffers:
    """The buffers of one process, each of `size` bytes, `total` bytes together but at least one."""

    def __init__(self, total: int, size: int, fill_s: float = FILL_S) -> None:
        self._size = size
        self._fill_s = fill_s
        self._free = asyncio.Semaphore(max(1, total // size))

    @asynccontextmanager
    async def part(self) -> AsyncIterator["PartBuffer"]:
        """An empty buffer, as soon as one is free; in the order of those who wait."""
        await self._free.acquire()
        part = PartBuffer(self._size, self._fill_s, self._free)
        try:
            yield part
        finally:
            part.close()


class PartBuffer:
    """What has come of a part: a Body that grows. In memory, or in a temporary file."""

    def __init__(self, capacity: int, fill_s: float, free: asyncio.Semaphore) -> None:
        self._memory: mmap.mmap | None = mmap.mmap(
            -1, capacity, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        )
        self._capacity = capacity
        self._fill_s = fill_s
        self._free = free
        self._file: IO[bytes] | None = None
        self._size = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_spilled(self) -> bool:
        """Whether it stands in a file."""
        return self._file is not None

    async def add(self, chunk: memoryview) -> None:
        """Add bytes behind those that are there. Raises SpillFailed."""
        end = self._size + len(chunk)
        if self._memory is not None and end > self._capacity:
            await self.spill()
        if self._memory is not None:
            self._memory[self._size : end] = chunk
        elif self._file is not None:
            await asyncio.to_thread(self._write, chunk)
        self._size = end

    async def spill(self) -> None:
        """Go on in a temporary file, and let others have the memory. Raises SpillFailed."""
        memory, self._memory = self._memory, None
        if memory is None:
            return
        try:
            self._file = await asyncio.to_thread(_spilled, memory, self._size)
        except OSError as error:
            raise SpillFailed from error
        finally:
            del memory
            self._free.release()

    def _write(self, chunk: memoryview) -> None:
        try:
            assert self._file is not None
            self._file.write(chunk)
        except OSError as error:
            raise SpillFailed from error

    async def sha256(self) -> str:
        return await asyncio.to_thread(self._hash)

    def _hash(self) -> str:
        digest = hashlib.sha256()
        if self._memory is not None:
            digest.update(memoryview(self._memory)[: self._size])
        elif self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(_FILE_PIECE_BYTES):
                digest.update(piece)
        return digest.hexdigest()

    async def pieces(self) -> AsyncIterator[bytes | memoryview]:
        if self._memory is not None:
            whole = memoryview(self._memory)[: self._size]
            for start in range(0, self._size, PIECE_BYTES):
                yield whole[start : start + PIECE_BYTES]
        elif self._file is not None:
            self._file.seek(0)
            while piece := await asyncio.to_thread(self._file.read, PIECE_BYTES):
                yield piece

    def close(self) -> None:
        """Forget it, and let others have the memory."""
        if self._memory is not None:
            self._memory = None
            self._free.release()
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def fill_s(self) -> float:
        return self._fill_s


def _spilled(memory: mmap.mmap, size: int) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the part
    try:
        file.write(memoryview(memory)[:size])
    except OSError:
        file.close()
        raise
    return file


class Arrivals:
    """The chunks of one sender, cut as they fit into parts."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._rest = memoryview(b"")

    async def fill(self, part: PartBuffer, limit: int) -> bool:
        """Fill the part up to `limit` bytes; False when the chunks end before that.

        Raises whatever the chunks raise; what came before it is in the part.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + part.fill_s
        while part.size < limit:
            if not self._rest:
                chunk = await self._next(part, deadline - loop.time())
                if chunk is None:
                    return False
                self._rest = memoryview(chunk)
            room = limit - part.size
            taken, self._rest = self._rest[:room], self._rest[room:]
            await part.add(taken)
        return True

    async def _next(self, part: PartBuffer, within_s: float) -> bytes | None:
        """The next chunk; one that is late finds the part in a file."""
        if part.is_spilled:
            return await anext(self._chunks, None)
        coming = asyncio.ensure_future(anext(self._chunks, None))
        try:
            done, _ = await asyncio.wait((coming,), timeout=max(0.0, within_s))
            if not done:
                await part.spill()
            return await coming
        finally:
            if not coming.done():
                coming.cancel()
                await asyncio.wait((coming,))

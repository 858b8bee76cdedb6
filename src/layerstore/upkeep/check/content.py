"""Hashing what is stored: side by side, in bounded memory, no faster than was asked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from layerstore.oci.hashstate import new_hasher
from layerstore.storage.driver import StorageDriver

HERE_BYTES_MAX: Final = 64 * 1024
"""Bytes hashed on the event loop; for more of them a thread is worth its price."""

T = TypeVar("T")


@dataclass
class Progress:
    """How far a check has come; read by whoever shows it."""

    phase: str = ""
    blobs: int = 0
    blob_bytes: int = 0


class Pace:
    """Lets so many bytes a second through; without a number, all of them at once."""

    def __init__(self, clock: Clock, bytes_per_s: int | None) -> None:
        self._clock = clock
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    async def spend(self, size: int) -> None:
        """Wait until these bytes may pass."""
        if self._bytes_per_s is None:
            return
        now = self._clock.monotonic()
        start = max(self._free_at, now)
        self._free_at = start + size / self._bytes_per_s
        if start > now:
            await self._clock.sleep(start - now)


class Hashing:
    """Tells whether bytes have the digest that they are stored under."""

    def __init__(self, driver: StorageDriver, pace: Pace, progress: Progress) -> None:
        self._driver = driver
        self._pace = pace
        self._progress = progress

    async def fits(self, path: str, digest: Digest) -> bool:
        """Read the file and compare. Raises PathNotFound and other StorageErrors.

        Holds one piece of at most 1 MiB at a time.
        """
        hasher = new_hasher(digest.algorithm)
        async for piece in self._driver.read(path):
            await self._pace.spend(len(piece))
            if len(piece) > HERE_BYTES_MAX:
                await asyncio.to_thread(hasher.update, piece)
            else:
                hasher.update(piece)
            self._progress.blob_bytes += len(piece)
        return hasher.digest() == digest


async def side_by_side(
    items: AsyncIterator[T], jobs: int, work: Callable[[T], Awaitable[None]]
) -> None:
    """Do the work for every item, for `jobs` of them at a time; items come lazily."""
    free = asyncio.Semaphore(jobs)

    async def done(item: T) -> None:
        try:
            await work(item)
        finally:
            free.release()

    async with asyncio.TaskGroup() as group:
        async for item in items:
            await free.acquire()
            group.create_task(done(item))

"""Bytes to store, and the ways in which they arrive."""

import asyncio
import random  # noqa: TID251  # seeded, so that each run stores the same
from collections.abc import AsyncIterator

from layerstore.storage.driver import StorageDriver

MIB = 1024 * 1024


class BrokenOff(Exception):
    """What a client that goes away raises in the middle of its chunks."""


def some_bytes(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def sliced(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def breaking_off(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise BrokenOff


class Gate:
    """Chunks of which the second part is held back until somebody opens the gate."""

    def __init__(self, before: bytes, behind: bytes) -> None:
        self._before = before
        self._behind = behind
        self._opened = asyncio.Event()
        self.reached = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self._before
        self.reached.set()
        await self._opened.wait()
        yield self._behind


async def whole(driver: StorageDriver, path: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in driver.read(path, start, end)])


async def names_of(driver: StorageDriver, folder: str, after: str = "") -> list[str]:
    return [name async for name in driver.names(folder, after)]


async def paths_below(driver: StorageDriver, folder: str, after: str = "") -> list[str]:
    return [path async for path, _ in driver.walk(folder, after)]


async def put_all(driver: StorageDriver, *paths: str) -> None:
    for path in paths:
        await driver.put(path, path.encode(), durable=False)


async def upload(driver: StorageDriver, path: str, content: bytes) -> None:
    await driver.begin(path)
    await driver.append(path, 0, sliced(content, MIB))
    await driver.finish(path)

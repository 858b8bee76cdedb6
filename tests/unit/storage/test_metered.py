"""The wrapper tells of every operation, times only the driver, and names stray errors."""

import errno
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest

from layerstore.storage.driver import InvalidPath, Notes, PathNotFound, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver
from tests.contract.content import chunks, names_of, paths_below, whole
from tests.contract.paths import INVALID
from tests.fakes import FakeClock

Observed = list[tuple[str, str, float]]


class SlowDriver(MemoryDriver):
    """Takes one second for each step, and on one path fails as a file system does."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.clock = clock

    async def get(self, path: str) -> bytes:
        self.clock.pass_time(1)
        if path == "/broken":
            raise OSError(errno.EIO, os.strerror(errno.EIO), "/srv/secret/place")
        return await super().get(path)

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        self.clock.pass_time(1)
        async for chunk in chunks:
            self.clock.pass_time(1)
            at += len(chunk)
        return at

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if path == "/broken":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        for piece in (b"a", b"b", b"c"):
            self.clock.pass_time(1)
            yield piece


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def observed() -> Observed:
    return []


@pytest.fixture
def driver(clock: FakeClock, observed: Observed) -> MeteredDriver:
    def observe(driver: str, action: str, seconds: float) -> None:
        observed.append((driver, action, seconds))

    return MeteredDriver(SlowDriver(clock), clock, observe, [lambda _, url: url])


async def test_where_nobody_is_sent_elsewhere_that_is_no_operation(clock: FakeClock) -> None:
    observed: Observed = []
    driver = MeteredDriver(SlowDriver(clock), clock, lambda *told: observed.append(told))
    assert await driver.url_for("/a", 60, "GET") is None
    assert observed == []


async def test_every_operation_is_told_under_its_name(
    driver: MeteredDriver, observed: Observed
) -> None:
    await driver.put("/a", b"x")
    await driver.get("/a")
    await driver.stat("/a")
    await names_of(driver, "/")
    await paths_below(driver, "/")
    await driver.begin("/b")
    await driver.append("/b", 0, chunks(b"x"))
    await driver.pending("/b")
    await driver.finish("/b")
    await driver.move("/b", "/c")
    await driver.drop("/b")
    await whole(driver, "/a")
    await driver.url_for("/a", 60, "GET")
    await driver.delete("/a")
    assert [action for _, action, _ in observed] == [
        *("put", "get", "stat", "names", "walk", "begin", "append", "pending", "finish", "move"),
        *("drop", "read", "url_for", "delete"),
    ]
    assert {name for name, _, _ in observed} == {"inmemory"}


async def test_a_failed_operation_is_told_too(driver: MeteredDriver, observed: Observed) -> None:
    with pytest.raises(PathNotFound):
        await driver.get("/absent")
    assert observed == [("inmemory", "get", 1.0)]


async def test_waiting_for_chunks_is_not_the_drivers_time(
    driver: MeteredDriver, clock: FakeClock, observed: Observed
) -> None:
    async def slow_client() -> AsyncIterator[bytes]:
        for part in (b"one", b"two"):
            clock.pass_time(1000)
            yield part
        clock.pass_time(1000)

    await driver.append("/a", 0, slow_client())
    assert observed == [("inmemory", "append", 3.0)]


async def test_a_slow_reader_is_not_the_drivers_time(
    driver: MeteredDriver, clock: FakeClock, observed: Observed
) -> None:
    async for _ in driver.read("/a"):
        clock.pass_time(1000)
    assert observed == [("inmemory", "read", 3.0)]


async def test_a_reader_who_leaves_is_told_at_once(
    driver: MeteredDriver, observed: Observed
) -> None:
    async with aclosing(cast("AsyncGenerator[bytes, None]", driver.read("/a"))) as reading:
        await anext(reading)
    assert observed == [("inmemory", "read", 1.0)]


@pytest.mark.parametrize("action", ["get", "read"])
async def test_a_stray_error_is_named_without_its_place(driver: MeteredDriver, action: str) -> None:
    with pytest.raises(StorageUnavailable) as failure:
        await (driver.get("/broken") if action == "get" else whole(driver, "/broken"))
    assert str(failure.value) == "inmemory: input/output error: /broken"


async def test_an_error_of_the_chunks_passes_unchanged(driver: MeteredDriver) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await driver.append("/a", 0, broken())
    with pytest.raises(ConnectionResetError):
        await driver.put("/a", broken())


@pytest.mark.parametrize("path", INVALID)
async def test_an_invalid_path_reaches_no_driver(
    driver: MeteredDriver, observed: Observed, path: str
) -> None:
    for attempt in (driver.get(path), whole(driver, path), driver.stat(path)):
        with pytest.raises(InvalidPath):
            await attempt
    assert observed == []

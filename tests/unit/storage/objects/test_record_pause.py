"""A store that throttles who replaces one object often: the record waits, and tells the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from layerstore.storage.driver import InvalidOffset, StorageUnavailable
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.sessions import SESSION
from layerstore.storage.objects.sizes import PART_BYTES_MIN
from layerstore.storage.objects.store import Body, Part
from tests.contract.content import BrokenOff, breaking_off, chunks, some_bytes
from tests.fakes import FakeClock
from tests.memory_objects import MemoryObjects

PART = PART_BYTES_MIN
PATH = "/uploads/one/data"
PAUSE_S = 1.0


class CountedObjects(MemoryObjects):
    """Counts how often a record is put; the part of a number can be made to fail."""

    fails_at = 0
    records = 0

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        self.records += key.endswith(SESSION)
        return await super().put(key, body, condition)

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        if number == self.fails_at:
            raise StorageUnavailable("memory", key, "it fails")
        return await super().put_part(key, upload, number, body)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def objects(clock: FakeClock) -> CountedObjects:
    return CountedObjects(clock)


@pytest.fixture
def driver(objects: CountedObjects, clock: FakeClock) -> ObjectStoreDriver:
    return ObjectStoreDriver(
        objects,
        clock,
        Buffers(4 * PART, PART),
        Copier(objects, PART, PART, 4),
        first_part=PART,
        record_pause_s=PAUSE_S,
    )


async def test_a_fast_writer_replaces_the_record_at_his_end(
    driver: ObjectStoreDriver, objects: CountedObjects
) -> None:
    content = some_bytes(8 * PART + 10)
    await driver.begin(PATH)
    before = objects.records
    assert await driver.append(PATH, 0, chunks(content)) == len(content)
    assert objects.records - before == 2
    assert await driver.pending(PATH) == len(content)
    await driver.finish(PATH)
    assert await driver.get(PATH) == content


async def test_a_slow_writer_replaces_it_after_every_part(
    driver: ObjectStoreDriver, clock: FakeClock
) -> None:
    """But the first: a number for it was put into the record just before."""
    seen: list[int | None] = []

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(4):
            seen.append(await driver.pending(PATH))
            clock.pass_time(PAUSE_S)
            yield bytes(PART)

    await driver.begin(PATH)
    await driver.append(PATH, 0, slowly())
    assert seen == [0, 0, 2 * PART, 3 * PART]


@pytest.mark.parametrize("size", [3 * PART, 3 * PART + 10], ids=["whole parts", "with a tail"])
async def test_what_came_before_a_failure_is_recorded(driver: ObjectStoreDriver, size: int) -> None:
    content = some_bytes(size + PART)
    await driver.begin(PATH)
    with pytest.raises(BrokenOff):
        await driver.append(PATH, 0, breaking_off(content[:size]))
    assert await driver.pending(PATH) == size
    await driver.append(PATH, size, chunks(content[size:]))
    await driver.finish(PATH)
    assert await driver.get(PATH) == content


async def test_parts_before_one_that_fails_are_recorded(
    driver: ObjectStoreDriver, objects: CountedObjects
) -> None:
    content = some_bytes(4 * PART)
    objects.fails_at = 3
    await driver.begin(PATH)
    with pytest.raises(StorageUnavailable):
        await driver.append(PATH, 0, chunks(content))
    assert await driver.pending(PATH) == 2 * PART
    objects.fails_at = 0
    await driver.append(PATH, 2 * PART, chunks(content[2 * PART :]))
    await driver.finish(PATH)
    assert await driver.get(PATH) == content


async def test_who_was_overtaken_learns_it_at_his_end(driver: ObjectStoreDriver) -> None:
    async def overtaken() -> AsyncIterator[bytes]:
        yield bytes(PART)
        await driver.append(PATH, 0, chunks(b"other"))
        yield bytes(PART)

    await driver.begin(PATH)
    with pytest.raises(InvalidOffset) as refused:
        await driver.append(PATH, 0, overtaken())
    assert refused.value.size == 5
    await driver.finish(PATH)
    assert await driver.get(PATH) == b"other"

"""The contract where it is another one on object stores.

A store takes parts, not bytes: what a chunk brings is written when a part is full, when the chunks
end, or when they break off. So a writer is overtaken by whoever wrote first, and learns it at his
next part. And a store cannot move: of two moves of one plain file both may arrive, each whole.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from layerstore.storage.driver import InvalidOffset, PathNotFound, StorageDriver
from layerstore.storage.objects.store import KEYS_PER_PAGE
from tests.contract.content import Gate, chunks, paths_below, put_all, some_bytes, upload
from tests.contract.driver_suite import DriverSuite
from tests.contract.unfinished import PATH

PART = 5 * 1024 * 1024


class ObjectStoreSuite(DriverSuite):
    """Everything that is promised, with parts of 5 MiB."""

    many = 2100

    async def test_the_next_chunk_is_asked_for_when_the_last_is_written(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        seen: list[int | None] = []

        async def watched() -> AsyncIterator[bytes]:
            for _ in range(4):
                seen.append(await another.pending(PATH))
                yield bytes(PART)

        await driver.begin(PATH)
        await driver.append(PATH, 0, watched())
        assert seen == [0, PART, 2 * PART, 3 * PART]

    async def test_a_writer_that_was_overtaken_stops_at_its_next_write(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(bytes(PART), b"X" * PART)
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        assert await another.append(PATH, PART, chunks(b"bbbbb")) == PART + 5
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size == PART + 5
        await another.append(PATH, PART + 5, chunks(bytes(2 * PART)))
        await another.finish(PATH)
        assert await driver.get(PATH) == bytes(PART) + b"bbbbb" + bytes(2 * PART)

    async def test_no_append_reaches_a_file_that_has_moved(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(bytes(PART), b"late")
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        await another.finish(PATH)
        await another.move(PATH, "/blobs/data", PART)
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size is None
        assert await another.get("/blobs/data") == bytes(PART)
        assert await paths_below(driver, "/") == ["/blobs/data"]

    async def test_of_two_moves_of_one_file_one_finds_nothing(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        content = some_bytes(1000)
        await driver.put("/from", content)
        outcomes = await asyncio.gather(
            driver.move("/from", "/one", 1000),
            another.move("/from", "/two", 1000),
            return_exceptions=True,
        )
        arrived = [
            path
            for path, outcome in zip(("/one", "/two"), outcomes, strict=True)
            if outcome is None
        ]
        assert arrived
        assert {type(outcome) for outcome in outcomes if outcome} <= {PathNotFound}
        assert await paths_below(driver, "/") == arrived
        for path in arrived:
            assert await driver.get(path) == content

    async def test_a_folder_that_vanishes_meanwhile_ends_its_listing(
        self, driver: StorageDriver
    ) -> None:
        await put_all(driver, *(f"/folder/{number:04}" for number in range(1500)))
        walk = driver.walk("/folder")
        assert (await anext(walk))[0] == "/folder/0000"
        await driver.delete("/folder")
        assert len([path async for path, _ in walk]) == KEYS_PER_PAGE - 1

    async def test_parts_of_several_writers_join_in_order(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        content = some_bytes(4 * PART + 1234)
        await driver.begin(PATH)
        at = 0
        for size in (1, PART - 1, PART, PART + 7, 100, PART - 200, 1234 + 93):
            place = driver if at % 2 else another
            at = await place.append(PATH, at, chunks(content[at : at + size]))
        assert at == len(content)
        await driver.finish(PATH)
        assert await driver.get(PATH) == content
        assert await paths_below(driver, "/") == [PATH]

    async def test_a_large_file_is_copied_in_parts(self, driver: StorageDriver) -> None:
        content = some_bytes(3 * PART + 5)
        await upload(driver, PATH, content)
        await driver.move(PATH, "/blobs/data", len(content))
        assert await driver.get("/blobs/data") == content
        assert await paths_below(driver, "/") == ["/blobs/data"]

"""The driver of all object stores, on a store in memory: with conditions, without, short pages."""

from collections.abc import Callable, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.driver import StorageDriver
from tests.contract.object_store import ObjectStoreSuite
from tests.memory_objects import MemoryObjects, object_store_driver


class TestObjectStoreDriver(ObjectStoreSuite):
    @pytest.fixture
    def objects(self) -> MemoryObjects:
        return MemoryObjects(SystemClock())

    @pytest.fixture
    def open_place(self, objects: MemoryObjects) -> Iterator[Callable[[], StorageDriver]]:
        yield lambda: object_store_driver(objects, SystemClock())
        assert objects.contents == {}
        assert objects.uploads == {}


class TestInShortPages(TestObjectStoreDriver):
    many = 300

    @pytest.fixture
    def objects(self) -> MemoryObjects:
        return MemoryObjects(SystemClock(), page_size=7)

    async def test_a_folder_that_vanishes_meanwhile_ends_its_listing(
        self, driver: StorageDriver
    ) -> None:
        for number in range(30):
            await driver.put(f"/folder/{number:02}", b"x")
        walk = driver.walk("/folder")
        assert (await anext(walk))[0] == "/folder/00"
        await driver.delete("/folder")
        assert len([path async for path, _ in walk]) == 6


class TestWithoutConditions(TestObjectStoreDriver):
    """Within one process writers are told apart all the same."""

    many = 300

    @pytest.fixture
    def objects(self) -> MemoryObjects:
        return MemoryObjects(SystemClock(), is_conditional=False)

    @pytest.fixture
    def open_place(self, objects: MemoryObjects) -> Iterator[Callable[[], StorageDriver]]:
        driver = object_store_driver(objects, SystemClock())
        yield lambda: driver
        assert objects.contents == {}
        assert objects.uploads == {}

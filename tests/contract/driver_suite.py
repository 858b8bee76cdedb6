"""The contract of a storage driver, told as tests.

A driver's own test file derives from DriverSuite and says in the fixture `open_place` how the
place is opened; opening it once more stands for another process. The cases are those of
registry-facts §5.2, in the words of `StorageDriver` where the two differ:

- `delete` of what is absent, and listing it, are no errors and find nothing (the original:
  PathNotFound);
- `names` and `walk` come in byte order, segment by segment (the original lists in no order);
- a writer is not an object that is opened and closed: `begin`, `append`, `finish` and `drop` name
  the path, and `append` says where it goes on; appending to finished content is not offered;
- `..` and `.` are no segments (the original's grammar has them);
- 5 GiB, 128 MiB × 10 and 32 MiB × 32 are 24 MiB, 8 MiB × 10 and 1 MiB × 32 here: what is shown is
  the joining of pieces, not the size of the disk.
"""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from layerstore.storage.driver import StorageDriver
from tests.contract.content import names_of, paths_below
from tests.contract.files import Files
from tests.contract.listings import Listings
from tests.contract.paths import Paths
from tests.contract.unfinished import Unfinished

OURS = "layerstore"
"""The one name in the root that belongs to the driver itself, if it needs a folder of its own."""


class DriverSuite(Paths, Files, Unfinished, Listings):
    """Everything that is promised; collected in a class whose name begins with Test."""

    @pytest.fixture
    def open_place(self) -> Callable[[], StorageDriver]:
        """Open the place under test, as the first process or as another one."""
        raise NotImplementedError

    @pytest.fixture
    def driver(self, open_place: Callable[[], StorageDriver]) -> Iterator[StorageDriver]:
        driver = open_place()
        yield driver
        asyncio.run(_can_be_emptied(driver))

    @pytest.fixture
    def another(self, open_place: Callable[[], StorageDriver]) -> StorageDriver:
        return open_place()


async def _can_be_emptied(driver: StorageDriver) -> None:
    for name in await names_of(driver, "/"):
        if name != OURS:
            await driver.delete(f"/{name}")
    assert set(await names_of(driver, "/")) <= {OURS}
    assert await paths_below(driver, "/") == []

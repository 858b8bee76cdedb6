"""What a folder holds: names and files in byte order, segment by segment, found lazily."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest

from layerstore.storage.driver import StorageDriver
from tests.contract.content import names_of, paths_below, put_all, some_bytes

IN_ORDER = [
    "/f/-/x",
    "/f/.a/x",
    "/f/0",
    "/f/A/x",
    "/f/Z",
    "/f/_/x",
    "/f/a/-",
    "/f/a/b/c",
    "/f/a/b/d/e",
    "/f/a/b-c",
    "/f/a/bc",
    "/f/a-b/x",
    "/f/a-b.c",
    "/f/a.b/x",
    "/f/a_b/x",
    "/f/ab/x",
    "/f/b",
]


class Listings:
    many = 5000
    """Files of a large folder."""

    async def test_names_are_the_direct_children_in_byte_order(self, driver: StorageDriver) -> None:
        await put_all(driver, *reversed(IN_ORDER))
        assert await names_of(driver, "/") == ["f"]
        assert await names_of(driver, "/f") == [
            *("-", ".a", "0", "A", "Z", "_", "a", "a-b", "a-b.c", "a.b", "a_b", "ab", "b")
        ]
        assert await names_of(driver, "/f/a") == ["-", "b", "b-c", "bc"]

    async def test_names_go_on_behind_a_name_that_need_not_exist(
        self, driver: StorageDriver
    ) -> None:
        await put_all(driver, *IN_ORDER)
        every = await names_of(driver, "/f")
        for after in [*every, "", " ", "a ", "a-", "a-b-", "aa", "zz", "é", "a/b", "\U0010ffff"]:
            expected = [name for name in every if name.encode() > after.encode()]
            assert await names_of(driver, "/f", after) == expected

    async def test_walk_finds_every_file_in_order(self, driver: StorageDriver) -> None:
        await put_all(driver, *reversed(IN_ORDER))
        assert await paths_below(driver, "/f") == IN_ORDER
        assert await paths_below(driver, "/") == IN_ORDER
        assert await paths_below(driver, "/f/a/b") == ["/f/a/b/c", "/f/a/b/d/e"]
        assert await paths_below(driver, "/f/a-b") == ["/f/a-b/x"]

    async def test_walk_goes_on_behind_a_path_that_need_not_exist(
        self, driver: StorageDriver
    ) -> None:
        await put_all(driver, *IN_ORDER)
        points = ["/", "/e/z", "/f", "/f/a", "/f/a/b", "/f/a/b/c/x", "/f/a-", "/f/zz", "/g", "/f/é"]
        for after in [*IN_ORDER, *points]:
            point = after.encode().replace(b"/", b"\0")
            expected = [path for path in IN_ORDER if path.encode().replace(b"/", b"\0") > point]
            if after == "/":
                expected = IN_ORDER
            assert await paths_below(driver, "/f", after) == expected, after

    async def test_walk_stays_below_its_folder_wherever_it_goes_on(
        self, driver: StorageDriver
    ) -> None:
        await put_all(driver, *IN_ORDER)
        assert await paths_below(driver, "/f/a", "/f/Z") == [
            *("/f/a/-", "/f/a/b/c", "/f/a/b/d/e", "/f/a/b-c", "/f/a/bc")
        ]
        assert await paths_below(driver, "/f/a", "/f/a/b-c") == ["/f/a/bc"]
        assert await paths_below(driver, "/f/a", "/f/a-b") == []

    async def test_walk_tells_sizes(self, driver: StorageDriver) -> None:
        for size in (0, 1, 1000):
            await driver.put(f"/folder/{size}", some_bytes(size))
        found = {path: (info.size, info.is_dir) async for path, info in driver.walk("/folder")}
        assert found == {f"/folder/{size}": (size, False) for size in (0, 1, 1000)}

    @pytest.mark.parametrize("folder", ["/absent", "/absent/below", "/file", "/file/below", "/fol"])
    async def test_an_absent_folder_holds_nothing(self, driver: StorageDriver, folder: str) -> None:
        await put_all(driver, "/file", "/folder/file")
        assert await names_of(driver, folder) == []
        assert await paths_below(driver, folder) == []

    async def test_a_large_folder_is_listed_whole_and_in_order(self, driver: StorageDriver) -> None:
        every = sorted(f"v{number}.{number % 97}" for number in range(self.many))
        await put_all(driver, *(f"/tags/{name}/link" for name in every))
        assert await names_of(driver, "/tags") == every
        assert await names_of(driver, "/tags", every[self.many // 2]) == every[self.many // 2 + 1 :]
        assert await paths_below(driver, "/tags") == [f"/tags/{name}/link" for name in every]

    async def test_the_pages_of_a_folder_join_without_a_gap(self, driver: StorageDriver) -> None:
        every = [f"{number:03}" for number in range(300)]
        await put_all(driver, *(f"/tags/{name}" for name in every))
        pages: list[str] = []
        while page := await self._page(driver, pages[-1] if pages else "", 7):
            pages += page
        assert pages == every

    @staticmethod
    async def _page(driver: StorageDriver, after: str, size: int) -> list[str]:
        names = cast("AsyncGenerator[str, None]", driver.names("/tags", after))
        page: list[str] = []
        async with aclosing(names):
            async for name in names:
                page.append(name)
                if len(page) == size:
                    break
        return page

    async def test_what_vanishes_meanwhile_is_skipped(self, driver: StorageDriver) -> None:
        every = [f"/folder/{number // 10:03}/{number % 10}" for number in range(2000)]
        await put_all(driver, *every)
        found = []
        async for path, _ in driver.walk("/folder"):
            found.append(path)
            if len(found) == 3:
                await driver.delete("/folder/150")
            if len(found) == 5:
                await driver.delete("/folder/198/7")
        assert [path for path in found if path.startswith("/folder/150/")] == []
        assert "/folder/198/7" not in found
        assert [path for path in every if path not in found] == [
            *(f"/folder/150/{number}" for number in range(10)),
            "/folder/198/7",
        ]

    async def test_a_folder_that_vanishes_meanwhile_ends_its_listing(
        self, driver: StorageDriver
    ) -> None:
        await put_all(driver, *(f"/folder/{number:04}" for number in range(1000)))
        names = driver.names("/folder")
        walk = driver.walk("/folder")
        assert await anext(names) == "0000"
        assert (await anext(walk))[0] == "/folder/0000"
        await driver.delete("/folder")
        rest = [name async for name in names]
        assert rest == [f"{number:04}" for number in range(1, 1 + len(rest))]
        assert len([path async for path, _ in walk]) < 999

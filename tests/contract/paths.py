"""Which paths a driver takes, and how it names what is wrong."""

from collections.abc import Awaitable, Callable

import pytest

from layerstore.storage.driver import InvalidPath, PathNotFound, StorageDriver
from tests.contract.content import chunks, names_of, paths_below, whole

VALID = [
    *("/a", "/2", "/aa", "/a.a", "/0-9/abcdefg", "/abcdefg/z.75", "/abc/1.2.3.4.5-6_zyx/123.z/4"),
    *("/docker/docker-registry", "/123.abc", "/abc./abc", "/.abc", "/a--b", "/a-.b", "/_.abc"),
    *("/Docker/docker-registry", "/Abc/Cba", "/..a/b", "/a../b", "/.../b"),
]

INVALID = [
    "",
    "abc",
    "123.abc",
    "//bcd",
    "/abc_123/",
    "/a//b",
    "/.",
    "/..",
    "/../a",
    "/a/..",
    "/a/../b",
    "/a/./b",
    "/a\n",
    "/a\0b",
    "/a b",
    "/a%2fb",
    "/a\\b",
    "/a:b",
    "/ä",
    "/a\u2024b",
]

Action = Callable[[StorageDriver, str], Awaitable[object]]

ON_FILES: dict[str, Action] = {
    "get": lambda driver, path: driver.get(path),
    "put": lambda driver, path: driver.put(path, b"x"),
    "put chunks": lambda driver, path: driver.put(path, chunks(b"x")),
    "begin": lambda driver, path: driver.begin(path),
    "append": lambda driver, path: driver.append(path, 0, chunks(b"x")),
    "pending": lambda driver, path: driver.pending(path),
    "finish": lambda driver, path: driver.finish(path),
    "drop": lambda driver, path: driver.drop(path),
    "move from": lambda driver, path: driver.move(path, "/target"),
    "move to": lambda driver, path: driver.move("/source", path),
    "read": whole,
    "delete": lambda driver, path: driver.delete(path),
    "url_for": lambda driver, path: driver.url_for(path, 60, "GET"),
}

ON_FOLDERS: dict[str, Action] = {
    "stat": lambda driver, path: driver.stat(path),
    "names": names_of,
    "walk": paths_below,
}


class Paths:
    async def test_the_root_is_a_folder_that_can_be_listed(self, driver: StorageDriver) -> None:
        assert (await driver.stat("/")).is_dir
        assert (await driver.stat("/")).size == 0
        assert await paths_below(driver, "/") == []

    @pytest.mark.parametrize("path", VALID)
    async def test_a_valid_path_holds_content(self, driver: StorageDriver, path: str) -> None:
        await driver.put(path, b"content")
        assert await driver.get(path) == b"content"
        assert await paths_below(driver, "/") == [path]

    @pytest.mark.parametrize("path", INVALID)
    async def test_an_invalid_path_is_refused_by_every_method(
        self, driver: StorageDriver, path: str
    ) -> None:
        await driver.put("/source", b"source")
        for action in [*ON_FILES.values(), *ON_FOLDERS.values()]:
            with pytest.raises(InvalidPath) as refused:
                await action(driver, path)
            assert (refused.value.driver, refused.value.path) == (driver.name, path)
            assert driver.name in str(refused.value)
        with pytest.raises(InvalidPath):
            driver.file_for(path)
        assert await driver.get("/source") == b"source"

    @pytest.mark.parametrize("action", ON_FILES)
    async def test_the_root_is_no_file(self, driver: StorageDriver, action: str) -> None:
        await driver.put("/source", b"source")
        with pytest.raises(InvalidPath):
            await ON_FILES[action](driver, "/")
        assert await driver.get("/source") == b"source"

    @pytest.mark.parametrize("action", ["get", "finish", "move from", "read"])
    @pytest.mark.parametrize("path", ["/absent", "/absent/file", "/file/below", "/folder"])
    async def test_what_holds_no_file_is_not_found(
        self, driver: StorageDriver, action: str, path: str
    ) -> None:
        await driver.put("/folder/file", b"x")
        await driver.put("/file", b"x")
        with pytest.raises(PathNotFound) as missing:
            await ON_FILES[action](driver, path)
        assert (missing.value.driver, missing.value.path) == (driver.name, path)
        assert driver.name in str(missing.value)

    async def test_a_name_that_no_place_can_hold_is_not_found_when_read(
        self, driver: StorageDriver
    ) -> None:
        path = "/" + "n" * 4000
        with pytest.raises(PathNotFound):
            await driver.get(path)
        with pytest.raises(PathNotFound):
            await driver.stat(path)
        assert await names_of(driver, path) == []
        await driver.delete(path)

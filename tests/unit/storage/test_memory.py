"""What the contract leaves open, and this driver does like a file system or an object store."""

import pytest

from layerstore.storage.driver import InvalidPath, PathNotFound
from layerstore.storage.memory import MemoryDriver
from tests.contract.content import chunks, names_of, paths_below
from tests.fakes import EPOCH, FakeClock


@pytest.fixture
def memory() -> MemoryDriver:
    return MemoryDriver(FakeClock())


async def test_an_unfinished_file_is_not_shown(memory: MemoryDriver) -> None:
    await memory.begin("/folder/file")
    await memory.append("/folder/file", 0, chunks(b"content"))
    with pytest.raises(PathNotFound):
        await memory.get("/folder/file")
    with pytest.raises(PathNotFound):
        await memory.stat("/folder")
    assert await names_of(memory, "/") == await paths_below(memory, "/") == []


async def test_a_finished_file_is_not_pending(memory: MemoryDriver) -> None:
    await memory.begin("/file")
    await memory.finish("/file")
    assert await memory.pending("/file") is None


async def test_a_finished_file_stays_until_the_next_one_is_finished(memory: MemoryDriver) -> None:
    await memory.put("/file", b"old")
    await memory.begin("/file")
    await memory.append("/file", 0, chunks(b"new"))
    assert await memory.get("/file") == b"old"
    await memory.finish("/file")
    assert await memory.get("/file") == b"new"


async def test_a_folder_is_gone_with_its_last_file(memory: MemoryDriver) -> None:
    await memory.put("/folder/file", b"x")
    await memory.delete("/folder/file")
    with pytest.raises(PathNotFound):
        await memory.stat("/folder")


async def test_a_file_is_no_folder(memory: MemoryDriver) -> None:
    await memory.put("/a/b", b"x")
    await memory.begin("/u/v")
    for path in ("/a", "/a/b/c", "/a/b/c/d", "/u/v/w"):
        with pytest.raises(InvalidPath):
            await memory.put(path, b"y")
        with pytest.raises(InvalidPath):
            await memory.begin(path)
        with pytest.raises(InvalidPath):
            await memory.move("/a/b", path)
    assert await memory.get("/a/b") == b"x"


async def test_a_file_was_modified_when_its_clock_said(memory: MemoryDriver) -> None:
    await memory.put("/file", b"x")
    assert (await memory.stat("/file")).modified == EPOCH


def test_it_has_no_local_files(memory: MemoryDriver) -> None:
    assert memory.file_for("/file") is None

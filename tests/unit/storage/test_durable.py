"""What is promised to survive a power loss does, whenever it comes."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.filesystem import FilesystemDriver
from tests.contract.content import MIB, chunks, sliced, some_bytes
from tests.unit.storage.power import Power

PATH = "/docker/registry/blobs/ab/abcdef/data"


@pytest.mark.parametrize("size", [0, 71, 3 * MIB], ids=["empty", "small", "large"])
async def test_a_put_is_there_or_absent_and_durable_at_the_end(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    content = some_bytes(size)
    power = Power(monkeypatch, root, PATH)
    await driver.put(PATH, content)
    assert power.lazy() == content
    assert power.seen == {None, content}


@pytest.mark.parametrize("size", [71, 3 * MIB], ids=["small", "large"])
async def test_a_put_of_chunks_is_there_or_absent_and_durable_at_the_end(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    content = some_bytes(size)
    power = Power(monkeypatch, root, PATH)
    await driver.put(PATH, sliced(content, 700_000))
    assert power.lazy() == content
    assert power.seen == {None, content}


@pytest.mark.parametrize("size", [71, 3 * MIB], ids=["small", "large"])
async def test_replacing_goes_from_the_old_content_to_the_new_one(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    await driver.put(PATH, b"old")
    content = some_bytes(size)
    power = Power(monkeypatch, root, PATH)
    await driver.put(PATH, sliced(content, MIB))
    assert power.lazy() == content
    assert power.seen == {b"old", content}


async def test_a_put_that_is_not_durable_syncs_nothing(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch, root, PATH)
    await driver.put(PATH, b"content", durable=False)
    assert await driver.get(PATH) == b"content"
    assert power.lazy() is None


async def test_a_put_settles_folders_that_another_left_unsynced(
    driver: FilesystemDriver, another: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch, root, PATH)
    await another.put("/docker/registry/blobs/ab/abcdef/other", b"x", durable=False)
    await driver.put(PATH, b"content")
    assert power.lazy() == b"content"


async def test_a_put_settles_a_folder_that_was_removed_and_made_again(
    driver: FilesystemDriver, another: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.put(PATH, b"content")
    await another.delete("/docker/registry")
    power = Power(monkeypatch, root, PATH)
    await another.put("/docker/registry/blobs/other", b"x", durable=False)
    await driver.put(PATH, b"content")
    assert power.lazy() == b"content"


async def test_a_second_put_syncs_only_what_is_new(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.put("/a/b/c/first", b"content")
    syncs: list[int] = []
    monkeypatch.setattr("os.fsync", syncs.append)
    await driver.put("/a/b/c/second", b"content")
    assert len(syncs) == len(["the file", "its folder"])
    syncs.clear()
    await driver.put("/a/b/d/third", b"content")
    assert len(syncs) == len(["the file", "its new folder", "the folder above"])


async def test_append_returns_when_the_bytes_are_synced(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.begin(PATH)
    power = Power(monkeypatch, root, PATH)
    content = some_bytes(2 * MIB)
    await driver.append(PATH, 0, sliced(content, 500_000))
    assert power.eager() == content


async def test_appending_nothing_syncs_what_another_left(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.begin(PATH)
    (root / PATH[1:]).write_bytes(b"left")
    power = Power(monkeypatch, root, PATH)
    power._bytes.clear()
    assert power.eager() == b""
    await driver.append(PATH, 4, chunks())
    assert power.eager() == b"left"


async def test_a_finished_upload_keeps_its_bytes_and_is_durable_after_its_move(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = some_bytes(MIB + 1)
    upload = Power(monkeypatch, root, "/uploads/one/data")
    await driver.begin("/uploads/one/data")
    await driver.append("/uploads/one/data", 0, chunks(content))
    await driver.finish("/uploads/one/data")
    assert upload.eager() == content
    blob = Power(monkeypatch, root, PATH)
    await driver.move("/uploads/one/data", PATH, len(content))
    assert blob.lazy() == content
    assert blob.seen == {None, content}


async def test_a_move_goes_from_the_old_content_to_the_new_one(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.put(PATH, b"old")
    await driver.put("/from/here", b"new")
    power = Power(monkeypatch, root, PATH)
    await driver.move("/from/here", PATH)
    assert power.lazy() == b"new"
    assert power.seen == {b"old", b"new"}


@pytest.mark.parametrize("path", [PATH, "/docker/registry/blobs", "/docker"])
async def test_what_is_deleted_does_not_come_back(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await driver.put(PATH, b"content")
    power = Power(monkeypatch, root, PATH)
    await driver.delete(path)
    assert power.lazy() is None
    assert power.seen == {None, b"content"}


@pytest.mark.parametrize("path", [PATH, "/docker/registry/blobs"])
async def test_what_is_gone_already_is_so_durably_once_it_was_deleted(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    await driver.put(PATH, b"content")
    power = Power(monkeypatch, root, PATH)
    shutil.move(root / path[1:], root / "elsewhere")
    assert power.lazy() == b"content"
    await driver.delete(path)
    assert power.lazy() is None


@pytest.mark.parametrize("path", [PATH, "/docker/registry/blobs/ab/abcdef"])
async def test_what_another_left_unsynced_is_durable_once_it_was_settled(
    driver: FilesystemDriver,
    another: FilesystemDriver,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    power = Power(monkeypatch, root, PATH)
    await another.put(PATH, b"", durable=False)
    assert power.lazy() is None
    await driver.settle(path)
    assert power.lazy() == b""


async def test_the_bytes_that_another_left_unsynced_are_durable_once_they_were_settled(
    driver: FilesystemDriver, another: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch, root, PATH)
    await another.put(PATH, b"content", durable=False)
    await driver.settle(PATH)
    assert power.lazy() == b"content"


async def test_what_is_settled_is_not_synced_again_until_it_is_another_file(
    driver: FilesystemDriver, another: FilesystemDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.put(PATH, b"content")
    syncs: list[int] = []
    monkeypatch.setattr("os.fsync", syncs.append)
    await driver.settle(PATH)
    assert not syncs
    await another.put(PATH, b"content", durable=False)
    await driver.settle(PATH)
    assert len(syncs) == len(["the file", "its folder"])


def test_a_new_root_is_durable_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    power = Power(monkeypatch, tmp_path, "/var/lib/registry")
    with closing(FilesystemDriver(tmp_path / "var" / "lib" / "registry", SystemClock())):
        assert power.lazy() is not None

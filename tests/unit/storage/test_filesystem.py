"""What is special about a file system: its errors, its modes, its links, its threads."""

import asyncio
import errno
import os
import stat
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from layerstore.clock import SystemClock
from layerstore.storage import beneath
from layerstore.storage.driver import (
    InvalidOffset,
    InvalidPath,
    OutOfSpace,
    PathNotFound,
    StorageError,
    StorageUnavailable,
)
from layerstore.storage.filesystem import FilesystemDriver
from tests.contract.content import (
    MIB,
    chunks,
    names_of,
    paths_below,
    sliced,
    some_bytes,
    upload,
    whole,
)
from tests.processes import open_files

Write = Callable[[FilesystemDriver, bytes], Awaitable[object]]

WRITES: dict[str, Write] = {
    "put": lambda driver, content: driver.put("/folder/file", content),
    "put chunks": lambda driver, content: driver.put("/folder/file", sliced(content, MIB)),
}

NAMED = {
    errno.ENOSPC: OutOfSpace,
    errno.EDQUOT: OutOfSpace,
    errno.EFBIG: OutOfSpace,
    errno.EROFS: StorageUnavailable,
    errno.EIO: StorageUnavailable,
    errno.EMFILE: StorageUnavailable,
    errno.EACCES: StorageUnavailable,
    errno.ESTALE: StorageUnavailable,
}


def failing(code: int, after: int = 0) -> Callable[..., Any]:
    """A call of the system that fails, after so many times that it does nothing."""
    left = [after]

    def call(*_: object, **__: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(code, os.strerror(code), "/srv/secret/place")

    return call


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.is_file() and path.name != "file"]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("size", [10, 3 * MIB], ids=["small", "large"])
@pytest.mark.parametrize("code", NAMED, ids=errno.errorcode.get)
async def test_a_write_that_fails_is_named_and_leaves_what_was_there(
    driver: FilesystemDriver,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: str,
    size: int,
    code: int,
) -> None:
    await driver.put("/folder/file", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", failing(code))
        with pytest.raises(NAMED[code]) as failure:
            await WRITES[write](driver, some_bytes(size))
    assert type(failure.value) is NAMED[code]
    assert "secret" not in str(failure.value)
    assert failure.value.__suppress_context__
    assert await driver.get("/folder/file") == b"before"
    assert leftovers(root) == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("write", WRITES)
async def test_a_put_whose_last_steps_fail_leaves_what_was_there(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch, write: str, call: str
) -> None:
    await driver.put("/folder/file", b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(errno.EIO))
        with pytest.raises(StorageUnavailable):
            await WRITES[write](driver, some_bytes(2 * MIB))
    assert await driver.get("/folder/file") == b"before"
    assert leftovers(root) == []


@pytest.mark.parametrize("code", NAMED, ids=errno.errorcode.get)
async def test_what_was_appended_before_the_disk_was_full_stays(
    driver: FilesystemDriver, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    content = some_bytes(3 * MIB)
    pwrite = os.pwrite

    def nearly_full(file: int, piece: bytes, at: int) -> int:
        room = 2 * MIB - 100 - at
        if room <= 0:
            raise OSError(code, os.strerror(code))
        return pwrite(file, piece[:room], at)

    await driver.begin("/upload")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", nearly_full)
        with pytest.raises(NAMED[code]):
            await driver.append("/upload", 0, sliced(content, MIB))
    size = await driver.pending("/upload")
    assert size == 2 * MIB - 100
    await driver.append("/upload", size, chunks(content[size:]))
    assert await driver.get("/upload") == content


async def test_a_full_disk_is_out_of_space(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        with closing(FilesystemDriver(small, SystemClock())) as driver:
            await driver.put("/file", b"before")
            for content in (some_bytes(3 * MIB), sliced(some_bytes(3 * MIB), MIB)):
                with pytest.raises(OutOfSpace):
                    await driver.put("/file", content)
            await driver.begin("/upload")
            with pytest.raises(OutOfSpace):
                await driver.append("/upload", 0, sliced(some_bytes(3 * MIB), MIB))
            assert await driver.get("/file") == b"before"
            size = await driver.pending("/upload")
            assert size is not None
            assert await whole(driver, "/upload") == some_bytes(3 * MIB)[:size]
            await driver.delete("/upload")
            await driver.put("/file", some_bytes(MIB))
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize("is_another_there", [False, True], ids=["moved", "another-in-its-place"])
async def test_nothing_new_is_put_where_nobody_would_find_it_again(
    driver: FilesystemDriver, root: Path, is_another_there: bool
) -> None:
    await driver.put("/folder/file", b"before")
    root.rename(root.with_name("elsewhere"))
    if is_another_there:
        root.mkdir()
    for attempt in (driver.put("/folder/other", b"new"), driver.begin("/upload")):
        with pytest.raises(StorageUnavailable, match="moved, or a disk mounted over it"):
            await attempt
    assert await driver.get("/folder/file") == b"before"
    if is_another_there:
        root.rmdir()
    root.with_name("elsewhere").rename(root)
    await driver.put("/folder/other", b"new")


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("action", ["get", "read", "stat", "pending", "names", "walk"])
async def test_a_read_that_fails_is_unavailable_and_never_absent(
    driver: FilesystemDriver, monkeypatch: pytest.MonkeyPatch, action: str, code: int
) -> None:
    await driver.put("/folder/file", b"content")
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "get": lambda: driver.get("/folder/file"),
        "read": lambda: whole(driver, "/folder/file"),
        "stat": lambda: driver.stat("/folder/file"),
        "pending": lambda: driver.pending("/folder/file"),
        "names": lambda: names_of(driver, "/folder"),
        "walk": lambda: paths_below(driver, "/folder"),
    }
    monkeypatch.setattr(beneath, "_openat2", failing(code))
    with pytest.raises(StorageUnavailable):
        await attempts[action]()


async def test_a_put_whose_folder_vanishes_makes_it_again(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removals = vanish_folder(monkeypatch, root / "folder", 2)
    await driver.put("/folder/file", b"content")
    assert removals == []
    assert await driver.get("/folder/file") == b"content"


async def test_a_put_whose_folder_keeps_vanishing_gives_up(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vanish_folder(monkeypatch, root / "folder", 3)
    with pytest.raises(StorageUnavailable):
        await driver.put("/folder/file", b"content")


def vanish_folder(patch: pytest.MonkeyPatch, folder: Path, times: int) -> list[int]:
    """Take the folder away just before a file is made in it, so many times."""
    left = list(range(times))
    made_open = os.open

    def open_late(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if left and flags & os.O_EXCL:
            left.pop()
            folder.rmdir()
        return made_open(path, flags, mode, dir_fd=dir_fd)

    patch.setattr(os, "open", open_late)
    return left


async def test_a_file_in_the_way_of_a_folder_is_an_invalid_path(driver: FilesystemDriver) -> None:
    await driver.put("/file", b"content")
    await driver.put("/folder/file", b"content")
    for path in ("/file/below", "/folder"):
        for attempt in (driver.put(path, b"x"), driver.begin(path)):
            with pytest.raises(InvalidPath):
                await attempt
    with pytest.raises(InvalidPath):
        await driver.move("/file", "/folder")
    assert await driver.get("/file") == b"content"


async def test_too_long_a_name_is_an_invalid_path_when_written(driver: FilesystemDriver) -> None:
    for path in ("/" + "n" * 300, "/a" * 2500):
        with pytest.raises(InvalidPath):
            await driver.put(path, b"x")
        with pytest.raises(InvalidPath):
            await driver.begin(path)


async def test_links_out_of_the_root_lead_nowhere(
    driver: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (root / "link").symlink_to(outside)
    (root / "filelink").symlink_to(outside / "file")
    for path in ("/link/file", "/filelink"):
        for attempt in (driver.get(path), whole(driver, path), driver.stat(path)):
            with pytest.raises(PathNotFound):
                await attempt
        assert await driver.pending(path) is None
    with pytest.raises(PathNotFound):
        await driver.move("/link/file", "/stolen")
    with pytest.raises(InvalidPath):
        await driver.put("/link/new", b"x")
    with pytest.raises(InvalidPath):
        await driver.begin("/link/new")
    with pytest.raises(InvalidOffset):
        await driver.append("/link/file", 6, chunks(b"x"))
    await driver.delete("/link/file")
    assert await names_of(driver, "/link") == []
    assert await paths_below(driver, "/") == []
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("file", b"secret")]


async def test_deleting_a_link_leaves_what_it_led_to(
    driver: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"kept")
    (root / "folder").mkdir()
    (root / "folder" / "link").symlink_to(tmp_path / "outside")
    (root / "link").symlink_to(tmp_path / "outside")
    await driver.delete("/link")
    await driver.delete("/folder")
    assert not (root / "link").is_symlink()
    assert (tmp_path / "outside" / "file").read_bytes() == b"kept"


async def test_modes_are_the_originals_and_ours_are_private(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with closing(FilesystemDriver(tmp_path / "root", SystemClock())) as driver:
            await driver.put("/put/file", b"x")
            await driver.put("/chunks/file", chunks(some_bytes(2 * MIB)))
            await upload(driver, "/upload/file", b"x")
            await driver.move("/upload/file", "/moved/file")
    finally:
        os.umask(before)
    for folder in ("put", "chunks", "upload", "moved"):
        assert mode_of(tmp_path / "root" / folder) == 0o750
    for folder in ("put", "chunks", "moved"):
        assert mode_of(tmp_path / "root" / folder / "file") == 0o640
    assert mode_of(tmp_path / "root" / "layerstore") == 0o700


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_is_neither_file_nor_folder_is_not_found(
    driver: FilesystemDriver, root: Path
) -> None:
    os.mkfifo(root / "pipe")
    for attempt in (driver.get("/pipe"), whole(driver, "/pipe"), driver.stat("/pipe")):
        with pytest.raises(PathNotFound):
            await attempt
    assert await paths_below(driver, "/") == []


async def test_small_reads_are_the_same_on_the_loop_and_in_a_thread(
    driver: FilesystemDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (0, 1, 71, 128 * 1024, 128 * 1024 + 1):
        await driver.put(f"/{size}", some_bytes(size))

    async def everything() -> list[object]:
        found: list[object] = []
        for size in (0, 1, 71, 128 * 1024, 128 * 1024 + 1):
            path = f"/{size}"
            found += [await driver.get(path), await whole(driver, path, 3), await driver.stat(path)]
            found += [await whole(driver, path, 0, 50), await whole(driver, path, 60, 20)]
        return found

    on_the_loop = await everything()
    monkeypatch.setattr(driver._tree, "_tells_cached", False)
    assert await everything() == on_the_loop


async def test_a_read_goes_on_in_the_file_that_it_began(
    driver: FilesystemDriver, another: FilesystemDriver
) -> None:
    content = some_bytes(3 * MIB)
    await driver.put("/file", content)
    reading = driver.read("/file")
    first = await anext(reading)
    await another.put("/file", b"other")
    assert first + b"".join([piece async for piece in reading]) == content


async def test_a_cancelled_read_closes_its_file(
    driver: FilesystemDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await driver.put("/file", some_bytes(3 * MIB))
    entered, leave = threading.Event(), threading.Event()
    pread = os.pread

    def slow(file: int, length: int, at: int) -> bytes:
        entered.set()
        leave.wait()
        return pread(file, length, at)

    monkeypatch.setattr(os, "pread", slow)
    reading = asyncio.ensure_future(whole(driver, "/file"))
    await asyncio.to_thread(entered.wait)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    del reading
    leave.set()
    driver.close()
    assert open_files(root / "file") == 0


@pytest.fixture
def unremovable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr("layerstore.storage.durable.shutil.rmtree", lambda *_, **__: None)
        yield


async def test_what_stays_in_the_trash_is_out_of_sight(
    driver: FilesystemDriver, unremovable: None
) -> None:
    await driver.put("/folder/deep/file", b"content")
    await driver.delete("/folder")
    assert await names_of(driver, "/") == ["layerstore"]
    assert len(await names_of(driver, "/layerstore/trash")) == 1


async def test_tidying_empties_the_trash(driver: FilesystemDriver, root: Path) -> None:
    left = root / "layerstore" / "trash" / "some-id" / "folder"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"content")
    await driver.tidy()
    assert await names_of(driver, "/layerstore/trash") == []


async def test_deleting_while_others_write_there_loses_nothing_else(
    driver: FilesystemDriver, another: FilesystemDriver
) -> None:
    async def write() -> None:
        for number in range(200):
            await another.put(f"/folder/{number}", b"x", durable=False)

    async def delete() -> None:
        for _ in range(50):
            await driver.delete("/folder")

    await driver.put("/folder-kept/file", b"kept")
    await asyncio.gather(write(), delete())
    await driver.delete("/folder")
    await driver.tidy()  # what came into a folder on its way out is in the trash
    assert await paths_below(driver, "/") == ["/folder-kept/file"]


def test_a_root_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageUnavailable):
            FilesystemDriver(root, SystemClock())


async def test_local_files_are_below_the_root(driver: FilesystemDriver, root: Path) -> None:
    await driver.put("/folder/file", b"content")
    assert driver.file_for("/folder/file") == root / "folder" / "file"
    with pytest.raises(InvalidPath):
        driver.file_for("/../outside")


async def test_no_error_names_a_place_of_this_machine(driver: FilesystemDriver, root: Path) -> None:
    async def every_error() -> AsyncIterator[StorageError]:
        await driver.put("/file", b"x")
        for attempt in (
            driver.get("/absent"),
            driver.put("/file/below", b"x"),
            driver.append("/absent", 0, chunks(b"x")),
            driver.finish("/absent"),
            driver.move("/absent", "/file"),
            driver.stat("/absent"),
        ):
            try:
                await attempt
            except StorageError as error:
                yield error

    messages = [str(error) async for error in every_error()]
    assert len(messages) == 6
    assert not any(str(root) in message for message in messages)


async def test_what_came_before_a_body_broke_off_is_synced(
    driver: FilesystemDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"what came"
        raise ConnectionResetError

    synced: list[int] = []
    fdatasync = os.fdatasync

    def recording(file: int) -> None:
        synced.append(os.fstat(file).st_size)
        fdatasync(file)

    await driver.begin("/file")
    monkeypatch.setattr(os, "fdatasync", recording)
    with pytest.raises(ConnectionResetError):
        await driver.append("/file", 0, breaking())
    assert synced == [len(b"what came")]

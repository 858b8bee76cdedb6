"""Uploads that nobody went on with go; whatever somebody may still need stays."""

import fcntl
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import (
    UploadData,
    UploadHashState,
    UploadStarted,
    upload_folder,
    uploads_folder,
)
from layerstore.storage.driver import FileInfo, StorageDriver, StorageUnavailable
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.upkeep.purge import Fate, Looked, purge, purge_old_uploads
from tests.contract.content import chunks, paths_below
from tests.fakes import EPOCH, FakeClock

NAME = Name("library/alpine")
UPLOAD = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
WEEK_S = 7 * 24 * 60 * 60.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def driver(clock: FakeClock) -> MemoryDriver:
    return MemoryDriver(clock)


def registry_over(driver: StorageDriver, clock: FakeClock) -> LocalRegistry:
    return LocalRegistry(driver, ProcessLocks(), clock)


async def looked_at(
    driver: StorageDriver, clock: FakeClock, *, dryrun: bool = False
) -> list[Looked]:
    """What a purge of uploads older than a week does now."""
    before = clock.now() - timedelta(seconds=WEEK_S)
    return [one async for one in purge(registry_over(driver, clock), before, dryrun=dryrun)]


async def fates(driver: StorageDriver, clock: FakeClock) -> dict[tuple[str, str], Fate]:
    return {(one.name, one.upload_id): one.fate for one in await looked_at(driver, clock)}


async def begun(driver: StorageDriver, clock: FakeClock, name: Name = NAME) -> str:
    return (await registry_over(driver, clock).repository(name).uploads.start()).id


@pytest.mark.parametrize(
    ("idle_s", "fate"), [(0.0, Fate.STAYS), (WEEK_S, Fate.STAYS), (WEEK_S + 1, Fate.GOES)]
)
async def test_an_upload_goes_when_it_is_older_than_the_age(
    driver: MemoryDriver, clock: FakeClock, idle_s: float, fate: Fate
) -> None:
    upload = await begun(driver, clock)
    clock.pass_time(idle_s)
    assert await fates(driver, clock) == {(NAME, upload): fate}
    assert bool(await paths_below(driver, uploads_folder(NAME))) == (fate is Fate.STAYS)


async def test_the_last_write_counts_and_not_the_beginning(
    driver: MemoryDriver, clock: FakeClock
) -> None:
    session = await registry_over(driver, clock).repository(NAME).uploads.start()
    clock.pass_time(WEEK_S - 1)
    await session.append(chunks(b"content"))
    clock.pass_time(WEEK_S)
    assert await fates(driver, clock) == {(NAME, session.id): Fate.STAYS}
    clock.pass_time(1)
    assert await fates(driver, clock) == {(NAME, session.id): Fate.GOES}
    assert await driver.pending(UploadData(NAME, session.id).path) is None


async def test_a_dry_run_takes_nothing_away(driver: MemoryDriver, clock: FakeClock) -> None:
    upload = await begun(driver, clock)
    clock.pass_time(WEEK_S + 1)
    for _ in range(2):
        assert await looked_at(driver, clock, dryrun=True) == [
            Looked(NAME, upload, EPOCH, Fate.GOES)
        ]
    assert await driver.pending(UploadData(NAME, upload).path) == 0


@pytest.mark.parametrize(
    "remains",
    [
        {UploadStarted(NAME, UPLOAD).path: b"2026-01-02T03:04:05Z"},
        {UploadStarted(NAME, UPLOAD).path: b"yesterday"},
        {UploadStarted(NAME, UPLOAD).path: b""},
        {UploadStarted(NAME, UPLOAD).path: b"9999-12-31T23:59:59Z"},
        {UploadData(NAME, UPLOAD).path: b"content"},
        {UploadHashState(NAME, UPLOAD, "sha256", 7).path: b"state"},
        {f"{upload_folder(NAME, UPLOAD)}/stray": b"of nobody"},
    ],
    ids=["no data", "no moment", "empty", "future", "only data", "only a state", "stray"],
)
async def test_remains_of_a_session_go_as_a_whole_one_does(
    driver: MemoryDriver, clock: FakeClock, remains: dict[str, bytes]
) -> None:
    for path, content in remains.items():
        await driver.put(path, content)
    assert await fates(driver, clock) == {(NAME, UPLOAD): Fate.STAYS}
    clock.pass_time(WEEK_S + 1)
    assert await fates(driver, clock) == {(NAME, UPLOAD): Fate.GOES}
    assert await paths_below(driver, "/") == []


async def test_uploads_are_found_wherever_a_repository_can_be(
    driver: MemoryDriver, clock: FakeClock
) -> None:
    names = [Name("a/b/c"), Name("a/b"), Name("a"), Name("a-b")]
    expected = {(name, await begun(driver, clock, name)): Fate.GOES for name in names}
    clock.pass_time(WEEK_S + 1)
    assert await fates(driver, clock) == expected


async def test_what_is_no_upload_stays(driver: MemoryDriver, clock: FakeClock) -> None:
    strays = [f"{uploads_folder(NAME)}/{name}/data" for name in ("of-others", UPLOAD.upper())]
    for path in strays:
        await driver.put(path, b"content")
    clock.pass_time(WEEK_S + 1)
    assert await fates(driver, clock) == {}
    assert set(await paths_below(driver, "/")) == set(strays)


async def test_an_upload_that_is_written_to_at_the_last_moment_stays(clock: FakeClock) -> None:
    class WrittenMeanwhile(MemoryDriver):
        async def drop(self, path: str, size: int | None = None) -> None:
            await self.append(path, size or 0, chunks(b"more"))
            await super().drop(path, size)

    driver = WrittenMeanwhile(clock)
    upload = await begun(driver, clock)
    clock.pass_time(WEEK_S + 1)
    assert await fates(driver, clock) == {(NAME, upload): Fate.STAYS}
    assert await driver.pending(UploadData(NAME, upload).path) == 4


async def test_an_upload_that_was_committed_meanwhile_is_not_told_as_removed(
    clock: FakeClock,
) -> None:
    class CommittedMeanwhile(MemoryDriver):
        async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
            async for file in super().walk(folder, after):
                yield file
            await self.delete(folder)

    driver = CommittedMeanwhile(clock)
    upload = await begun(driver, clock)
    clock.pass_time(WEEK_S + 1)
    assert await fates(driver, clock) == {(NAME, upload): Fate.STAYS}


async def test_an_upload_that_cannot_be_taken_away_is_told_and_the_others_go(
    clock: FakeClock,
) -> None:
    class Stuck(MemoryDriver):
        async def delete(self, path: str, *, durable: bool = True) -> None:
            if path == upload_folder(Name("b"), stuck):
                raise StorageUnavailable("inmemory", path, "read-only file system")
            await super().delete(path, durable=durable)

    driver = Stuck(clock)
    first, stuck, last = [await begun(driver, clock, Name(name)) for name in "abc"]
    clock.pass_time(WEEK_S + 1)
    assert await looked_at(driver, clock) == [
        Looked(Name("a"), first, EPOCH, Fate.GOES),
        Looked(Name("b"), stuck, None, Fate.FAILS, "read-only file system"),
        Looked(Name("c"), last, EPOCH, Fate.GOES),
    ]


async def test_the_duty_tells_each_upload_and_their_number(
    driver: MemoryDriver, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    old = await begun(driver, clock)
    clock.pass_time(WEEK_S + 1)
    await begun(driver, clock)
    registry = registry_over(driver, clock)
    caplog.set_level(logging.INFO)
    await purge_old_uploads(registry, clock, WEEK_S, dryrun=True)
    await purge_old_uploads(registry, clock, WEEK_S)
    assert caplog.messages == [
        f"upload {old} of {NAME} would be removed: last written {EPOCH}",
        "upload purging: 1 uploads would be removed, 1 kept, 0 could not be removed",
        f"upload {old} of {NAME} removed: last written {EPOCH}",
        "upload purging: 1 uploads removed, 1 kept, 0 could not be removed",
    ]


async def test_the_duty_warns_of_what_it_cannot_remove(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(MemoryDriver):
        async def delete(self, path: str, *, durable: bool = True) -> None:
            raise StorageUnavailable("inmemory", path, "read-only file system")

    driver = Stuck(clock)
    upload = await begun(driver, clock)
    clock.pass_time(WEEK_S + 1)
    await purge_old_uploads(registry_over(driver, clock), clock, WEEK_S)
    assert caplog.messages == [
        f"upload {upload} of {NAME} cannot be removed: read-only file system"
    ]


class InFolder:
    """Uploads below a folder, whose times a test sets."""

    def __init__(self, root: Path, clock: FakeClock) -> None:
        self.root = root
        self.clock = clock
        self.driver = FilesystemDriver(root, clock)

    def folder(self, upload: str) -> Path:
        return self.root / upload_folder(NAME, upload)[1:]

    def age(self, upload: str) -> None:
        """Let everything of an upload have been written more than a week ago."""
        moment = self.clock.now().timestamp() - WEEK_S - 1
        for path in [*self.folder(upload).rglob("*"), self.folder(upload)]:
            os.utime(path, (moment, moment))

    async def fate(self, upload: str) -> Fate:
        return (await fates(self.driver, self.clock))[NAME, upload]


@pytest.fixture
def in_folder(tmp_path: Path, clock: FakeClock) -> Iterator[InFolder]:
    found = InFolder(tmp_path / "root", clock)
    with closing(found.driver):
        yield found


async def test_an_upload_that_is_locked_by_its_writer_stays(in_folder: InFolder) -> None:
    upload = await begun(in_folder.driver, in_folder.clock)
    in_folder.age(upload)
    with (in_folder.folder(upload) / "data").open("rb") as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        assert await in_folder.fate(upload) is Fate.STAYS
    assert await in_folder.fate(upload) is Fate.GOES
    assert not in_folder.folder(upload).exists()


async def test_bytes_that_came_lately_keep_an_upload_that_began_long_ago(
    in_folder: InFolder,
) -> None:
    upload = await begun(in_folder.driver, in_folder.clock)
    in_folder.age(upload)
    await in_folder.driver.append(UploadData(NAME, upload).path, 0, chunks(b"content"))
    assert await in_folder.fate(upload) is Fate.STAYS


async def test_an_empty_folder_of_an_upload_goes_by_its_own_time(in_folder: InFolder) -> None:
    in_folder.folder(UPLOAD).mkdir(parents=True)
    assert await in_folder.fate(UPLOAD) is Fate.STAYS
    in_folder.age(UPLOAD)
    assert await in_folder.fate(UPLOAD) is Fate.GOES
    assert not in_folder.folder(UPLOAD).exists()

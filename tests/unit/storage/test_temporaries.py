"""Temporary files of writers that died go; whatever may be in use, or be content, stays."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4  # noqa: TID251  # as a writer that died had one

import pytest

from layerstore.storage.filesystem import BATCH_ITEMS, LEFT_AFTER_S, FilesystemDriver
from tests.fakes import EPOCH, FakeClock

OLD = EPOCH.timestamp() - LEFT_AFTER_S - 1
YOUNG = EPOCH.timestamp() - LEFT_AFTER_S + 1


@pytest.fixture
def driver(root: Path) -> Iterator[FilesystemDriver]:
    with closing(FilesystemDriver(root, FakeClock())) as driver:
        yield driver


def temporary(name: str = "link") -> str:
    return f"{name}.{uuid4()}.tmp"


def left(folder: Path, name: str, written: float = OLD) -> Path:
    """A file that was last written at that moment."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"content")
    os.utime(path, (written, written))
    return path


async def test_what_was_left_long_ago_goes_wherever_it_is(
    driver: FilesystemDriver, root: Path
) -> None:
    gone = [
        left(root / "docker", temporary()),
        left(root / "docker" / "a" / "b" / "c", temporary("data")),
        left(root / "layerstore", temporary("secret")),
    ]
    assert await driver.sweep("/docker") == 3
    assert not any(path.exists() for path in gone)


async def test_what_may_be_in_use_stays(driver: FilesystemDriver, root: Path) -> None:
    stays = left(root / "docker" / "a", temporary(), YOUNG)
    assert await driver.sweep("/docker") == 0
    assert stays.exists()


@pytest.mark.parametrize("name", ["link", "data.tmp", "link.0f1e2d3c.tmp", f".{uuid4()}.tmp"])
async def test_what_no_writer_calls_its_file_stays(
    driver: FilesystemDriver, root: Path, name: str
) -> None:
    stays = left(root / "docker", name)
    assert await driver.sweep("/docker") == 0
    assert stays.exists()


async def test_a_tag_that_is_called_like_a_temporary_file_stays(
    driver: FilesystemDriver, root: Path
) -> None:
    stays = left(root / "docker" / "tags" / temporary("latest") / "current", "link")
    assert await driver.sweep("/docker") == 0
    assert stays.exists()


async def test_nothing_outside_the_folder_is_touched(
    driver: FilesystemDriver, root: Path, tmp_path: Path
) -> None:
    beside = left(root / "others", temporary())
    outside = left(tmp_path / "outside", temporary())
    (root / "docker").mkdir()
    (root / "docker" / "elsewhere").symlink_to(outside.parent)
    named = root / "docker" / temporary()
    named.symlink_to(outside)
    assert await driver.sweep("/docker") == 0
    assert beside.exists()
    assert outside.exists()
    assert named.is_symlink()


async def test_many_folders_are_looked_into_with_rests(
    driver: FilesystemDriver, root: Path
) -> None:
    for number in range(BATCH_ITEMS + 1):
        left(root / "docker" / str(number), temporary())
    assert await driver.sweep("/docker") == BATCH_ITEMS + 1


async def test_there_is_nothing_to_sweep_in_a_new_place(driver: FilesystemDriver) -> None:
    assert await driver.sweep("/docker") == 0

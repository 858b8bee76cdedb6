"""The duties that a storage in a folder brings: what killed processes left there goes."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from layerstore.registry.paths import PREFIX
from layerstore.storage.filesystem import LEFT_AFTER_S, FilesystemDriver
from layerstore.upkeep.leftovers import leftover_duties
from tests.fakes import EPOCH, FakeClock

TEMPORARY = "link.0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def driver(root: Path) -> Iterator[FilesystemDriver]:
    with closing(FilesystemDriver(root, FakeClock())) as driver:
        yield driver


def left(path: Path) -> Path:
    """A file of more than a day ago."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content")
    moment = EPOCH.timestamp() - LEFT_AFTER_S - 1
    os.utime(path, (moment, moment))
    return path


async def test_they_take_what_is_left_and_nothing_else(
    driver: FilesystemDriver, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = [
        left(root / "layerstore" / "incoming" / "some-id"),
        left(root / "layerstore" / "trash" / "some-id" / "file"),
        left(root / PREFIX[1:] / "repositories" / "a" / TEMPORARY),
    ]
    stays = [
        left(root / "layerstore" / "quarantine" / "sha256" / "0" / "1"),
        left(root / PREFIX[1:] / "repositories" / "b" / "link"),
        left(root / "elsewhere" / TEMPORARY),
    ]
    caplog.set_level(logging.INFO)
    for _ in range(2):
        for duty in leftover_duties(driver):
            await duty.run()
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in stays)
    assert caplog.messages == ["1 temporary files of processes that died were removed"]

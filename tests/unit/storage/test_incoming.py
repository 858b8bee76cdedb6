"""Long content gathers out of sight, and what dead processes left is swept away."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from layerstore.storage.driver import PathNotFound
from layerstore.storage.filesystem import FilesystemDriver
from tests.contract.content import (
    MIB,
    BrokenOff,
    breaking_off,
    paths_below,
    sliced,
    some_bytes,
)

DIE_IN_THE_MIDDLE = """
import asyncio, os, signal, sys
from pathlib import Path
from layerstore.clock import SystemClock
from layerstore.storage.filesystem import FilesystemDriver

async def chunks():
    yield bytes(2 * 1024 * 1024)
    os.kill(os.getpid(), signal.SIGKILL)
    yield b"never"

driver = FilesystemDriver(Path(sys.argv[1]), SystemClock())
asyncio.run(driver.put("/folder/file", chunks()))
"""


def incoming(root: Path) -> list[Path]:
    return [path for path in (root / "layerstore" / "incoming").iterdir() if path.is_file()]


async def test_long_content_gathers_out_of_sight(driver: FilesystemDriver, root: Path) -> None:
    seen: list[list[Path]] = []

    async def watched() -> AsyncIterator[bytes]:
        async for chunk in sliced(some_bytes(3 * MIB), MIB):
            yield chunk
            seen.append(incoming(root))
            assert not (root / "folder").exists()

    await driver.put("/folder/file", watched())
    assert [len(paths) for paths in seen] == [1, 1, 1]
    assert incoming(root) == []
    assert await driver.get("/folder/file") == some_bytes(3 * MIB)


async def test_what_broke_off_leaves_nothing(driver: FilesystemDriver, root: Path) -> None:
    with pytest.raises(BrokenOff):
        await driver.put("/folder/file", breaking_off(some_bytes(2 * MIB)))
    assert incoming(root) == []


async def test_deleting_the_targets_folder_does_not_reach_a_put_under_way(
    driver: FilesystemDriver, another: FilesystemDriver
) -> None:
    await driver.put("/folder/file", b"older")

    async def deleted_meanwhile() -> AsyncIterator[bytes]:
        yield some_bytes(2 * MIB)
        await another.delete("/folder")
        yield b"end"

    await driver.put("/folder/file", deleted_meanwhile())
    assert await driver.get("/folder/file") == some_bytes(2 * MIB) + b"end"


async def test_what_a_dead_process_left_is_swept_away(driver: FilesystemDriver, root: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DIE_IN_THE_MIDDLE, root], check=False)
    assert died.returncode < 0
    assert [path.stat().st_size for path in incoming(root)] == [2 * MIB]
    with pytest.raises(PathNotFound):
        await driver.get("/folder/file")
    await driver.tidy()
    assert incoming(root) == []


async def test_sweeping_spares_what_lives(
    driver: FilesystemDriver, another: FilesystemDriver, root: Path
) -> None:
    async def swept_meanwhile() -> AsyncIterator[bytes]:
        yield some_bytes(2 * MIB)
        await another.tidy()
        yield b"end"

    await driver.put("/file", swept_meanwhile())
    assert await driver.get("/file") == some_bytes(2 * MIB) + b"end"


async def test_there_is_nothing_to_sweep_in_a_new_place(driver: FilesystemDriver) -> None:
    await driver.tidy()
    assert await paths_below(driver, "/") == []

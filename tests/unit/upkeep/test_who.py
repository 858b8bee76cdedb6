"""Who does the upkeep of a server: one process on a folder, and one of a server elsewhere."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from layerstore.app.serving import App, build
from layerstore.config import Config
from layerstore.config.loading import load
from layerstore.telemetry.page import Page
from tests.edge import until
from tests.fakes import FakeClock

FOLDER = "storage: {filesystem: {rootdirectory: %s}}"
MEMORY = "storage: inmemory"


def configured(folder: Path, text: str) -> Config:
    file = folder / "config.yml"
    file.write_text(f"version: 0.1\n{text}\n")
    return load(file, {}).config


def is_held(lock: Path) -> bool:
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def assert_does_upkeep(app: App, lock: Path) -> None:
    await app.start()
    await until(lambda: is_held(lock), "the lock is held")
    await app.drain()
    assert not is_held(lock)


@pytest.mark.parametrize("shared", [True, False])
async def test_on_a_folder_the_lock_is_where_every_server_on_it_sees_it(
    tmp_path: Path, shared: bool
) -> None:
    config = configured(tmp_path, FOLDER % (tmp_path / "data"))
    app = build(config, Page.private(), FakeClock(), tmp_path / "shared" if shared else None)
    await assert_does_upkeep(app, tmp_path / "data" / "layerstore" / "locks" / "upkeep")


async def test_elsewhere_the_lock_is_where_the_processes_of_this_server_see_it(
    tmp_path: Path,
) -> None:
    app = build(configured(tmp_path, MEMORY), Page.private(), FakeClock(), tmp_path)
    await assert_does_upkeep(app, tmp_path / "upkeep")


async def test_what_is_switched_off_is_not_done(tmp_path: Path) -> None:
    off = f"{MEMORY[:9]}{{inmemory: , maintenance: {{uploadpurging: {{enabled: false}}}}}}"
    app = build(configured(tmp_path, off), Page.private(), FakeClock(), tmp_path)
    await app.start()
    await app.drain()
    assert not (tmp_path / "upkeep").exists()

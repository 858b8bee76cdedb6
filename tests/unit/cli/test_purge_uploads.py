"""`layerstore purge-uploads`: what it removes, what it says, and how it ends."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from layerstore.cli.main import app
from layerstore.clock import SystemClock
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import upload_folder
from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.filesystem import FilesystemDriver

HOUR_S = 60 * 60.0
WEEK_S = 7 * 24 * HOUR_S
NAME = Name("team/app")


class Stored(NamedTuple):
    """A storage with an upload of this moment, and one of a day and of eight days ago."""

    root: Path
    new: str
    of_a_day: str
    of_eight_days: str

    def folder(self, upload: str) -> Path:
        return self.root / upload_folder(NAME, upload)[1:]

    def has(self, upload: str) -> bool:
        return self.folder(upload).exists()


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    root = tmp_path / "data"

    async def begin() -> list[str]:
        clock = SystemClock()
        registry = LocalRegistry(FilesystemDriver(root, clock), ProcessLocks(), clock)
        uploads = registry.repository(NAME).uploads
        return [(await uploads.start()).id for _ in range(3)]

    found = Stored(root, *asyncio.run(begin()))
    for upload, days in ((found.of_a_day, 1), (found.of_eight_days, 8)):
        moment = datetime.now(UTC).timestamp() - days * 24 * HOUR_S - 60
        for path in found.folder(upload).rglob("*"):
            os.utime(path, (moment, moment))
    return found


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["purge-uploads", *map(str, words)])


def test_what_is_older_than_a_week_goes_unless_something_else_is_said(stored: Stored) -> None:
    result = run("--data", stored.root)
    assert result.exit_code == 0, result.output
    assert f"removed {NAME} {stored.of_eight_days}: last written " in result.output
    assert "removed 1 of 3 uploads, kept 2 written to within 168h" in result.output
    assert [stored.has(upload) for upload in stored[1:]] == [True, True, False]


def test_an_age_can_be_given(stored: Stored) -> None:
    assert run("--data", stored.root, "--older-than", "24h").exit_code == 0
    assert [stored.has(upload) for upload in stored[1:]] == [True, False, False]


def test_the_age_of_the_configuration_counts(stored: Stored, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        f"version: 0.1\nstorage:\n  filesystem: {{rootdirectory: {stored.root}}}\n"
        "  maintenance: {uploadpurging: {enabled: false, age: 24h}}\n"
    )
    assert run(file).exit_code == 0
    assert [stored.has(upload) for upload in stored[1:]] == [True, False, False]
    assert run(file, "--older-than", "0").exit_code == 0
    assert not stored.has(stored.new)


def test_a_dry_run_only_says_what_would_go(stored: Stored) -> None:
    result = run("--data", stored.root, "--dry-run")
    assert result.exit_code == 0
    assert f"would remove {NAME} {stored.of_eight_days}" in result.output
    assert all(stored.has(upload) for upload in stored[1:])


@pytest.mark.parametrize("dry_run", [False, True])
def test_programs_read_json(stored: Stored, dry_run: bool) -> None:
    result = run("--data", stored.root, "--json", *(["--dry-run"] if dry_run else []))
    told = json.loads(result.stdout)
    [gone] = told.pop("removed")
    assert told == {"older_than": "168h", "dry_run": dry_run, "uploads": 3, "failed": []}
    assert (gone["name"], gone["id"]) == (NAME, stored.of_eight_days)
    age = datetime.now(UTC) - datetime.fromisoformat(gone["written"])
    assert WEEK_S < age.total_seconds() < WEEK_S + 25 * HOUR_S


def test_what_cannot_be_removed_is_told_and_ends_with_status_1(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete: Callable[..., object] = FilesystemDriver.delete

    async def refused(driver: FilesystemDriver, path: str, *, durable: bool = True) -> None:
        if stored.of_a_day in path:
            raise StorageUnavailable("filesystem", path, "read-only file system")
        await delete(driver, path, durable=durable)  # type: ignore[misc]  # what it replaces is awaitable

    monkeypatch.setattr(FilesystemDriver, "delete", refused)
    result = run("--data", stored.root, "--older-than", "1h")
    assert result.exit_code == 1
    reason = "cannot be removed: read-only file system"
    assert f"layerstore: {NAME} {stored.of_a_day} {reason}" in result.output
    assert "removed 1 of 3 uploads" in result.output
    assert not stored.has(stored.of_eight_days)


@pytest.mark.parametrize("age", ["a week", "7", "7d", "-1h", ""])
def test_an_age_that_is_none_ends_with_status_2(stored: Stored, age: str) -> None:
    result = run("--data", stored.root, f"--older-than={age}")
    assert result.exit_code == 2
    assert result.output.startswith("layerstore: --older-than: ")
    assert stored.has(stored.of_eight_days)


def test_a_storage_that_is_not_there_ends_with_status_2(tmp_path: Path) -> None:
    result = run("--data", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "nowhere" in result.output

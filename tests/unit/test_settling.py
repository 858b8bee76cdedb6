"""What is looked at before a server starts: whether it may write where it stores."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layerstore.app.serving import build
from layerstore.app.settling import file_problems, settle
from layerstore.config import Config, ConfigError
from layerstore.config.loading import load
from layerstore.telemetry.page import Page
from tests.fakes import FakeClock
from tests.processes import short_folder

NOBODY = 65534
READ_ONLY = {"REGISTRY_STORAGE_MAINTENANCE_READONLY": "{enabled: true}"}


@pytest.fixture
def root() -> Iterator[Path]:
    """A storage folder that everybody may read."""
    with short_folder("settling") as folder:
        folder.chmod(0o755)
        yield folder


@contextmanager
def as_nobody() -> Iterator[None]:
    """Who may do everything does the rest as a user who may not."""
    before = os.geteuid()
    codecs.lookup("ascii")  # which that user may not be able to load
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def configured(root: Path, variables: dict[str, str] | None = None) -> Config:
    where = {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(root)}
    return load(None, {**where, **(variables or {})}).config


@pytest.mark.parametrize("below", [".", "docker/registry/v2", "docker/registry/v2/repositories"])
def test_a_folder_of_somebody_else_refuses_the_start_and_says_what_to_do(
    below: str, root: Path
) -> None:
    folder = root / below
    folder.mkdir(parents=True, exist_ok=True)
    for above in (folder, *folder.parents):
        if above.is_relative_to(root):
            above.chmod(0o777)
    folder.chmod(0o555)
    try:
        with as_nobody(), pytest.raises(ConfigError) as refused:
            settle(configured(root, {"REGISTRY_HTTP_SECRET": "set"}), FakeClock())
    finally:
        folder.chmod(0o755)
    assert f"{folder} belongs to user {os.geteuid()} and cannot be written" in str(refused.value)
    assert "chown -R" in str(refused.value)


def test_a_folder_that_nobody_writes_in_is_served_read_only(root: Path) -> None:
    root.chmod(0o555)
    with as_nobody():
        settled = settle(configured(root, READ_ONLY), FakeClock())
        build(settled, Page.private(), FakeClock())
    assert settled.http.secret
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("linked", ["docker", "docker/registry/v2", "docker/registry/v2/blobs"])
def test_content_behind_a_link_that_leads_out_refuses_the_start_and_says_what_to_do(
    root: Path, linked: str
) -> None:
    """All of it would be told as absent."""
    with short_folder("elsewhere") as elsewhere:
        place = root / linked
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(elsewhere)
        with pytest.raises(ConfigError) as refused:
            settle(configured(root), FakeClock())
        assert f"'rm {place} && mv {elsewhere} {place}'" in str(refused.value)
        assert tuple(file_problems(configured(root), FakeClock())) == refused.value.problems


def test_links_within_the_storage_folder_and_to_it_are_no_matter(root: Path) -> None:
    (root / "storage/real").mkdir(parents=True)
    (root / "storage/docker").symlink_to("real")
    (root / "link").symlink_to("storage")
    settle(configured(root / "link"), FakeClock())

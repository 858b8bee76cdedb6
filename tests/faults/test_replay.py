"""The imagined disks lose what a real one may lose, and keep what it must keep."""

from __future__ import annotations

import os
import random  # noqa: TID251  # seeded
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.recording import Recorder
from tests.faults.replay import ALL_REMAINS, Disk, Tree


def write(folder: Path, name: str, content: bytes, *, sync: bool = True) -> None:
    file = os.open(folder / name, os.O_WRONLY | os.O_CREAT)
    os.write(file, content)
    if sync:
        os.fsync(file)
    os.close(file)


def sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def left(root: Path, work: Callable[[Path], None], *, ordered: bool = False) -> list[Tree]:
    """What may be there when the power fails behind the work; only by the journal if `ordered`."""
    root.mkdir()
    with Recorder(root) as recorder:
        work(root)
    disk = Disk()
    for event in recorder.events:
        disk.live_through(event)
    states = disk.after_power_failure(8, ALL_REMAINS, random.Random(1))
    return [tree for tree in states if tree.is_ordered or not ordered]


def names(trees: list[Tree]) -> set[frozenset[str]]:
    return {frozenset(tree) for tree in trees}


def contents(trees: list[Tree], path: str) -> set[bytes | None]:
    return {tree[path] for tree in trees if path in tree}


@pytest.fixture
def root(quick_disk: Path) -> Path:
    return quick_disk / "root"


def test_a_synced_file_whose_folder_was_not_synced_may_be_gone(root: Path) -> None:
    trees = left(root, lambda folder: write(folder, "a", b"content"))
    assert names(trees) == {frozenset(), frozenset({"/a"})}
    assert contents(trees, "/a") == {b"content"}


def test_unsynced_bytes_may_be_absent_zero_half_or_there(root: Path) -> None:
    def work(folder: Path) -> None:
        write(folder, "a", b"content", sync=False)
        sync(folder)

    trees = left(root, work)
    assert names(trees) == {frozenset({"/a"})}
    assert {b"", b"content", bytes(7)} < contents(trees, "/a")
    assert any(
        each and each.startswith(b"con") and each != b"content" for each in contents(trees, "/a")
    )


def test_what_is_synced_with_its_folder_stays(root: Path) -> None:
    def work(folder: Path) -> None:
        write(folder, "a", b"content")
        sync(folder)

    trees = left(root, work)
    assert trees
    assert all(tree == {"/a": b"content"} for tree in trees)


def test_an_unsynced_rename_happened_or_not(root: Path) -> None:
    def work(folder: Path) -> None:
        write(folder, "a", b"old")
        write(folder, "b", b"new")
        sync(folder)
        (folder / "b").rename(folder / "a")

    trees = left(root, work)
    assert names(trees) == {frozenset({"/a"}), frozenset({"/a", "/b"})}
    assert contents(trees, "/a") == {b"old", b"new"}


def test_a_rename_to_another_folder_may_be_half_done(root: Path) -> None:
    def work(folder: Path) -> None:
        (folder / "from").mkdir()
        (folder / "to").mkdir()
        write(folder / "from", "a", b"content")
        for each in (folder / "from", folder / "to", folder):
            sync(each)
        (folder / "from" / "a").rename(folder / "to" / "a")
        sync(folder / "to")

    trees = left(root, work)
    both = [tree for tree in trees if {"/from/a", "/to/a"} < set(tree)]
    assert both
    assert all(tree.shared for tree in both)
    assert all("/to/a" in tree for tree in trees)


def test_a_journal_keeps_the_order_of_names_and_a_disk_without_one_does_not(root: Path) -> None:
    def work(folder: Path) -> None:
        (folder / "one").mkdir()
        (folder / "two").mkdir()

    assert frozenset({"/two"}) in names(left(root, work))
    ordered = names(left(root.with_name("again"), work, ordered=True))
    assert ordered == {frozenset(), frozenset({"/one"}), frozenset({"/one", "/two"})}


def test_a_journal_is_written_up_to_the_last_change_of_what_is_synced(root: Path) -> None:
    def work(folder: Path) -> None:
        (folder / "one").mkdir()
        (folder / "two").mkdir()
        (folder / "one" / "inner").mkdir()
        (folder / "three").mkdir()
        sync(folder / "one")

    trees = left(root, work, ordered=True)
    sure = {"/one", "/two", "/one/inner"}
    assert names(trees) == {frozenset(sure), frozenset({*sure, "/three"})}


def test_what_the_recorder_does_not_understand_is_refused(quick_disk: Path) -> None:
    with Recorder(quick_disk), pytest.raises(AssertionError, match="not understood"):
        (quick_disk / "b").symlink_to("a")

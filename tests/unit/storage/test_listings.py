"""Names of large folders are kept only while the folder is the same."""

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerstore.storage import listings, ordering
from layerstore.storage.beneath import Tree
from layerstore.storage.listings import Listings
from tests.fakes import FakeClock

COUNT = 60


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "KEPT_FROM", 50)
    monkeypatch.setattr(listings, "KEPT_NAMES_MAX", 100)


class Counting:
    """Counts how often a folder is looked through, by either way."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.scans = 0
        real = os.scandir

        def scandir(folder: int) -> "os._ScandirIterator[str]":
            self.scans += 1
            return real(folder)

        patch.setattr(os, "scandir", scandir)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


@pytest.fixture
def tree(root: Path) -> Iterator[Tree]:
    with closing(Tree(root)) as tree:
        yield tree


def filled(root: Path, count: int = COUNT, folder: str = "f") -> Path:
    """A folder with so many names that was changed a minute ago, by the clock of the tests."""
    path = root / folder
    path.mkdir()
    for number in range(count):
        (path / f"{number:04}").touch()
    return path


def a_minute_later(path: Path) -> FakeClock:
    clock = FakeClock()
    changed = path.stat().st_ctime
    clock.pass_time(changed - clock.now().timestamp() + 60)
    return clock


def test_a_folder_that_does_not_change_is_looked_through_once(
    tree: Tree, root: Path, counting: Counting
) -> None:
    clock = a_minute_later(filled(root))
    kept = Listings(tree, clock.now)
    for after in ("", "0030", "9"):
        expected = [f"{number:04}" for number in range(COUNT) if f"{number:04}" > after]
        assert list(kept.names("/f", after)) == expected
    assert counting.scans == 1


@pytest.mark.parametrize("change", ["comes", "goes", "is renamed", "is replaced by another"])
def test_every_change_is_seen_at_once(tree: Tree, root: Path, change: str) -> None:
    path = filled(root)
    kept = Listings(tree, a_minute_later(path).now)
    before = list(kept.names("/f", ""))
    match change:
        case "comes":
            (path / "new").touch()
        case "goes":
            (path / "0007").unlink()
        case "is renamed":
            (path / "0007").rename(path / "other")
        case _:
            path.rename(root / "away")
            filled(root, COUNT - 1)
    assert list(kept.names("/f", "")) == sorted(each.name for each in path.iterdir()) != before


def test_a_folder_that_changed_a_moment_ago_is_not_kept(
    tree: Tree, root: Path, counting: Counting
) -> None:
    path = filled(root)
    clock = FakeClock()
    clock.pass_time(path.stat().st_ctime - clock.now().timestamp() + 1)
    kept = Listings(tree, clock.now)
    for _ in range(2):
        assert len(list(kept.names("/f", ""))) == COUNT
    assert counting.scans == 2


@pytest.mark.parametrize("count", [0, 49, 101])
def test_few_names_and_too_many_are_listed_all_the_same(tree: Tree, root: Path, count: int) -> None:
    kept = Listings(tree, a_minute_later(filled(root, count)).now)
    for _ in range(2):
        assert list(kept.names("/f", "")) == [f"{number:04}" for number in range(count)]


def test_the_folder_that_was_not_asked_for_longest_is_forgotten(
    tree: Tree, root: Path, counting: Counting
) -> None:
    filled(root, folder="f")
    clock = a_minute_later(filled(root, folder="g"))
    kept = Listings(tree, clock.now)
    for folder in ("/f", "/g", "/f"):
        assert len(list(kept.names(folder, ""))) == COUNT
    assert counting.scans == 3


def test_no_folder_has_no_names(tree: Tree) -> None:
    assert list(Listings(tree, FakeClock().now).names("/absent", "")) == []


def test_on_another_machine_nothing_is_kept(
    tree: Tree, root: Path, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "is_local", False)
    kept = Listings(tree, a_minute_later(filled(root)).now)
    for _ in range(2):
        assert len(list(kept.names("/f", ""))) == COUNT
    assert counting.scans == 2


@settings(max_examples=30, deadline=timedelta(seconds=5))
@given(
    st.sets(st.text("ab.-_0Z", min_size=1, max_size=6), max_size=90), st.text("ab.0", max_size=3)
)
def test_what_is_kept_says_the_same_as_a_look(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], after: str
) -> None:
    root = tmp_path_factory.mktemp("root")
    path = root / "f"
    path.mkdir()
    for name in names - {".", ".."}:
        (path / name).touch()
    with closing(Tree(root)) as tree:
        kept = Listings(tree, a_minute_later(path).now)
        looked = list(ordering.all_names(tree, "/f", after))
        for _ in range(2):
            assert list(kept.names("/f", after)) == looked

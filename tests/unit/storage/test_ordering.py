"""Names in order with bounded memory, and what is passed over."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from layerstore.storage import ordering
from layerstore.storage.beneath import Tree
from layerstore.storage.ordering import all_names, files_below, names_behind

LEFTOVERS = [
    "link.0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp",
    "data.0F1E2D3C-4B5A-4678-8A9B-0C1D2E3F4A5B.tmp",
    ".nfs000000000001",
    "lost+found",
    ".DS_Store",
    "with space",
    "ä",
    "a:b",
]
GENUINE = [
    "a.tmp",
    "tmp",
    ".nf",
    "DS_Store",
    "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp",
    "x.0f.tmp",
]


@pytest.fixture
def tree(root: Path) -> Iterator[Tree]:
    with closing(Tree(root)) as tree:
        yield tree


def test_leftovers_are_passed_over(tree: Tree, root: Path) -> None:
    for name in [*LEFTOVERS, *GENUINE]:
        (root / name).write_bytes(b"x")
    (root / "link.0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp.d").mkdir()
    expected = sorted([*GENUINE, "link.0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp.d"])
    assert list(all_names(tree, "/", "")) == expected
    assert [path for path, _ in files_below(tree, "/", "")] == [
        f"/{name}" for name in sorted(GENUINE)
    ]


def test_a_name_that_is_no_text_is_passed_over(tree: Tree, root: Path) -> None:
    (Path(str(root)) / "ok").touch()
    with open(bytes(root) + b"/\xff\xfe", "wb"):  # noqa: PTH123  # a path of bytes
        pass
    assert list(all_names(tree, "/", "")) == ["ok"]


@pytest.mark.parametrize("limit", [1, 7, 64, 100, 101, 1000])
def test_a_scan_keeps_the_smallest_names(
    tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(ordering, "_SCAN_NAMES", 9)
    every = sorted(str(number * 7919 % 1000) for number in range(100))
    for name in every:
        (root / name).touch()
    for after in ("", "3", "55", every[-1]):
        behind = [name for name in every if name > after]
        found = names_behind(tree, "/", after, limit)
        assert found.names == behind[:limit]
        assert found.last == (behind[limit - 1] if len(behind) >= limit else None)


def test_scans_join_without_a_gap_also_over_leftovers(
    tree: Tree, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordering, "NAMES_FIRST", 4)
    monkeypatch.setattr(ordering, "NAMES_MAX", 16)
    every = [f"{number:03}" for number in range(200)]
    for name in every:
        (root / name).touch()
    for number in range(0, 200, 3):
        (root / f"{number:03} left").touch()
    assert list(all_names(tree, "/", "")) == every


def test_a_folder_of_links_is_listed_by_what_they_lead_to(tree: Tree, root: Path) -> None:
    (root / "real").mkdir()
    (root / "real" / "file").write_bytes(b"content")
    (root / "inside").symlink_to("real")
    (root / "outside").symlink_to("/etc")
    (root / "nowhere").symlink_to("absent")
    found = {path: info.size for path, info in files_below(tree, "/", "")}
    assert found == {"/inside/file": 7, "/real/file": 7}


def test_going_on_at_a_strange_point_opens_nothing_else(tree: Tree, root: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "file").touch()
    (root / "file").touch()
    for point in ("/a/../file", "/a/..", "/a/\0", "/a/" + "n" * 300, "/a/ä/b"):
        paths = [path for path, _ in files_below(tree, "/a", point)]
        assert paths == [path for path in ["/a/file"] if path > point]

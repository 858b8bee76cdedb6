"""Nothing outside the root is ever opened."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from layerstore.storage import beneath
from layerstore.storage.beneath import READ, Descriptor, Tree, last_name, parent, persistently

REFUSED = r"symbolic|Not a directory"


def missing_call(*_: object) -> int:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@pytest.fixture(params=["resolving", "by segments"])
def tree(
    request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tree]:
    if request.param == "by segments":
        monkeypatch.setattr(beneath, "_openat2", missing_call)
    with closing(Tree(root)) as tree:
        yield tree


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    return outside


def test_a_file_below_the_root_is_opened(tree: Tree, root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(b"content")
    with tree.open("/folder/file", READ) as file:
        assert os.read(file, 100) == b"content"


@pytest.mark.parametrize("target", ["absolute", "relative"])
@pytest.mark.parametrize("path", ["/link/file", "/filelink"])
def test_a_link_out_of_the_root_is_not_followed(
    tree: Tree, root: Path, secret: Path, target: str, path: str
) -> None:
    place = secret if target == "absolute" else Path("..") / secret.name
    (root / "link").symlink_to(place)
    (root / "filelink").symlink_to(place / "file")
    assert tree.open_cached(path, READ) is None
    with pytest.raises(OSError, match=REFUSED):
        tree.open(path, READ)


def test_nothing_is_made_behind_a_link_out_of_the_root(
    tree: Tree, root: Path, secret: Path
) -> None:
    (root / "link").symlink_to(secret)
    with pytest.raises(OSError, match=REFUSED):
        tree.made_folder("/link/new")
    assert [entry.name for entry in secret.iterdir()] == ["file"]


def test_a_link_within_the_root_is_followed_where_the_system_resolves(root: Path) -> None:
    with closing(Tree(root)) as tree:
        (root / "real").mkdir()
        (root / "real" / "file").write_bytes(b"content")
        (root / "link").symlink_to("real")
        with tree.open("/link/file", READ) as file:
            assert os.read(file, 100) == b"content"


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    root.symlink_to(tmp_path / "real")
    with closing(Tree(root)) as tree, tree.made_folder("/a/b"):
        assert (tmp_path / "real" / "a" / "b").is_dir()


def test_a_cached_open_gives_up_where_it_would_wait(tree: Tree, root: Path) -> None:
    assert tree.open_cached("/" + "n" * 300, READ) is None


def test_a_descriptor_is_closed_when_nobody_holds_it(root: Path) -> None:
    root.mkdir()
    descriptor = Descriptor(os.open(root, os.O_RDONLY))
    number = descriptor.number
    os.fstat(number)
    del descriptor
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_closing_twice_leaves_a_reused_number_alone(root: Path) -> None:
    root.mkdir()
    first = Descriptor(os.open(root, os.O_RDONLY))
    first.close()
    with Descriptor(os.open(root, os.O_RDONLY)) as second:
        assert second == first.number
        first.close()
        os.fstat(second)


def test_an_attempt_is_repeated_three_times() -> None:
    attempts = []

    def attempt() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise FileNotFoundError
        return "made"

    assert persistently(attempt) == "made"

    def hopeless() -> str:
        attempts.append(1)
        raise FileNotFoundError

    attempts.clear()
    with pytest.raises(OSError, match="keeps vanishing"):
        persistently(hopeless)
    assert len(attempts) == 3


@pytest.mark.parametrize(
    ("path", "above", "name"), [("/a", "/", "a"), ("/a/b", "/a", "b"), ("/a/b/c", "/a/b", "c")]
)
def test_a_path_has_a_folder_and_a_name(path: str, above: str, name: str) -> None:
    assert (parent(path), last_name(path)) == (above, name)

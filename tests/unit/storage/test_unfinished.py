"""The fence between writers, at the moments that only chance would hit."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from layerstore.storage import durable, unfinished
from layerstore.storage.beneath import Tree
from layerstore.storage.driver import InvalidOffset, PathNotFound
from layerstore.storage.durable import Disk
from layerstore.storage.unfinished import PIECE_BYTES, Unfinished
from tests.contract.content import MIB, some_bytes

PATH = "/uploads/one/data"
SECONDS_MAX = 10.0


@pytest.fixture
def files(root: Path) -> Iterator[Unfinished]:
    with closing(Tree(root)) as tree:
        yield Unfinished(tree, Disk(tree))


@pytest.fixture
def data(files: Unfinished, root: Path) -> Path:
    files.begin(PATH)
    return root / PATH[1:]


class Waiting:
    """Tells when somebody asks for the lock that the test holds."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked = threading.Event()
        self._flock = fcntl.flock
        patch.setattr("layerstore.storage.unfinished.fcntl.flock", self._asking)

    def _asking(self, file: int, operation: int) -> None:
        self.asked.set()
        self._flock(file, operation)

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        with path.open("rb") as file:
            self._flock(file, fcntl.LOCK_EX)
            yield


def outcome_behind_lock(
    waiting: Waiting, data: Path, step: Callable[[], None], meanwhile: Callable[[], object]
) -> BaseException | None:
    """Start a step, let something happen while it waits for the lock, and see how it ends."""
    with ThreadPoolExecutor(1) as thread:
        with waiting.held(data):
            future: Future[None] = thread.submit(step)
            assert waiting.asked.wait(SECONDS_MAX)
            assert not future.done()
            meanwhile()
        return future.exception(SECONDS_MAX)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


def test_a_write_waits_for_the_lock(files: Unfinished, data: Path, waiting: Waiting) -> None:
    error = outcome_behind_lock(
        waiting, data, lambda: files.write(PATH, 0, b"content"), lambda: None
    )
    assert error is None
    assert data.read_bytes() == b"content"


def test_a_write_that_waited_sees_the_size_of_then(
    files: Unfinished, data: Path, waiting: Waiting
) -> None:
    error = outcome_behind_lock(
        waiting,
        data,
        lambda: files.write(PATH, 0, b"late"),
        lambda: data.write_bytes(b"faster"),
    )
    assert isinstance(error, InvalidOffset)
    assert error.size == 6
    assert data.read_bytes() == b"faster"


def test_a_write_that_waited_never_reaches_the_moved_file(
    files: Unfinished, data: Path, root: Path, waiting: Waiting
) -> None:
    blob = root / "blob"
    error = outcome_behind_lock(
        waiting, data, lambda: files.write(PATH, 0, b"late"), lambda: data.rename(blob)
    )
    assert isinstance(error, InvalidOffset)
    assert error.size is None
    assert blob.read_bytes() == b""


def test_a_write_that_waited_goes_to_the_file_that_took_the_name(
    files: Unfinished, data: Path, root: Path, waiting: Waiting
) -> None:
    def replace() -> None:
        data.rename(root / "older")
        data.touch()

    error = outcome_behind_lock(waiting, data, lambda: files.write(PATH, 0, b"new"), replace)
    assert error is None
    assert data.read_bytes() == b"new"
    assert (root / "older").read_bytes() == b""


def test_a_move_that_waited_sees_the_size_of_then(
    files: Unfinished, data: Path, root: Path, waiting: Waiting
) -> None:
    error = outcome_behind_lock(
        waiting,
        data,
        lambda: files.move(PATH, "/blob", 0),
        lambda: data.write_bytes(b"more"),
    )
    assert isinstance(error, InvalidOffset)
    assert (error.offset, error.size) == (0, 4)
    assert not (root / "blob").exists()


def test_a_move_that_waited_finds_what_another_moved_gone(
    files: Unfinished, data: Path, root: Path, waiting: Waiting
) -> None:
    error = outcome_behind_lock(
        waiting, data, lambda: files.move(PATH, "/mine", 0), lambda: data.rename(root / "theirs")
    )
    assert isinstance(error, PathNotFound)
    assert not (root / "mine").exists()


def test_a_large_write_is_checked_piece_by_piece(
    files: Unfinished, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = some_bytes(3 * MIB)
    write_all = durable.write_all

    def overtaken(file: int, piece: memoryview, at: int) -> None:
        write_all(file, piece, at)
        with data.open("ab") as other:
            other.write(b"x")

    monkeypatch.setattr(unfinished, "write_all", overtaken)
    with pytest.raises(InvalidOffset) as refused:
        files.write(PATH, 0, content)
    assert refused.value.size == PIECE_BYTES + 1
    assert data.read_bytes() == content[:PIECE_BYTES] + b"x"


def test_no_lock_is_left_behind(files: Unfinished, data: Path) -> None:
    files.write(PATH, 0, b"content")
    with pytest.raises(InvalidOffset):
        files.write(PATH, 0, b"content")
    files.check(PATH, 7)
    with data.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_in_the_place_of_an_upload_is_not_written_through(
    files: Unfinished, data: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    data.unlink()
    data.symlink_to(outside)
    with pytest.raises(InvalidOffset):
        files.write(PATH, 0, b"content")
    with pytest.raises(PathNotFound):
        files.move(PATH, "/blob", None)
    assert outside.read_bytes() == b""
    files.begin(PATH)
    assert not data.is_symlink()


def test_a_pipe_in_the_place_of_an_upload_blocks_nobody(files: Unfinished, data: Path) -> None:
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(InvalidOffset):
        files.write(PATH, 0, b"content")
    with pytest.raises(PathNotFound):
        files.move(PATH, "/blob", None)


def test_a_file_is_not_taken_away_from_who_writes_to_it(files: Unfinished, data: Path) -> None:
    with data.open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        with pytest.raises(InvalidOffset):
            files.drop_resting(PATH, 0)
        assert data.exists()
    files.drop_resting(PATH, 0)
    assert not data.exists()


def test_an_upload_that_a_crash_left_beside_its_blob_takes_no_bytes(
    files: Unfinished, data: Path, root: Path
) -> None:
    files.write(PATH, 0, b"content")
    files.move(PATH, "/blob", 7)
    data.hardlink_to(root / "blob")
    writes: list[Callable[[], None]] = [
        lambda: files.write(PATH, 7, b"more"),
        lambda: files.write_last(PATH, 7, b"more"),
        lambda: files.check(PATH, 7),
    ]
    for write in writes:
        with pytest.raises(InvalidOffset) as refused:
            write()
        assert refused.value.size is None
    assert (root / "blob").read_bytes() == b"content"

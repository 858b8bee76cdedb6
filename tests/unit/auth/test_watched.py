"""A file in its last good version."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.watched import WatchedFile

BYTES_MAX = 16


def number(content: bytes) -> int:
    try:
        return int(content)
    except ValueError:
        raise ValueError("it is no number") from None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "number"
    path.write_text("1")
    return path


@pytest.fixture
def watched(path: Path) -> WatchedFile[int]:
    return WatchedFile("auth.key", path, number, bytes_max=BYTES_MAX)


@pytest.fixture(autouse=True)
def _log_everything(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "layerstore"):
        yield


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


def test_a_changed_file_is_read_again(path: Path, watched: WatchedFile[int]) -> None:
    assert watched.value() == 1
    path.write_text("22")
    assert watched.value() == 22


def test_a_file_of_the_same_size_is_known_by_its_time(
    path: Path, watched: WatchedFile[int]
) -> None:
    path.write_text("2")
    os.utime(path, ns=(5, 5))
    assert watched.value() == 2


def test_a_replaced_file_is_known_even_with_time_and_size_kept(
    path: Path, watched: WatchedFile[int]
) -> None:
    status = path.stat()
    new = path.with_name("new")
    new.write_text("2")
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    new.rename(path)
    assert watched.value() == 2


def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    reads: list[bytes] = []
    watched = WatchedFile("auth.key", path, reads.append, bytes_max=BYTES_MAX)
    for _ in range(5):
        watched.value()
    assert reads == [b"1"]


def test_a_bad_version_leaves_the_last_good_one_and_is_told_once(
    path: Path, watched: WatchedFile[int], caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("nonsense")
    assert [watched.value() for _ in range(3)] == [1, 1, 1]
    assert levels(caplog) == ["ERROR"]
    assert "it is no number; what it said before stays" in caplog.text
    path.write_text("333")
    assert watched.value() == 333


def test_a_file_that_is_gone_leaves_the_last_good_version_and_is_told_once(
    path: Path, watched: WatchedFile[int], caplog: pytest.LogCaptureFixture
) -> None:
    path.unlink()
    assert [watched.value() for _ in range(3)] == [1, 1, 1]
    assert levels(caplog) == ["ERROR"]
    assert "No such file or directory" in caplog.text
    path.write_text("4")
    assert watched.value() == 4


def test_one_that_comes_back_as_it_was_is_told_when_it_goes_again(
    path: Path, watched: WatchedFile[int], caplog: pytest.LogCaptureFixture
) -> None:
    kept = path.rename(path.with_name("kept"))
    watched.value()
    kept.rename(path)
    watched.value()
    path.unlink()
    watched.value()
    assert levels(caplog).count("ERROR") == 2


def test_a_file_that_is_too_large_is_not_read(
    path: Path, watched: WatchedFile[int], caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("1" * (BYTES_MAX + 1))
    assert watched.value() == 1
    assert "larger than 16 bytes" in caplog.text


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_the_first_version_has_to_be_good(path: Path, content: str | None) -> None:
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(AuthorityUnusable, match=f"auth.key: {path}: "):
        WatchedFile("auth.key", path, number, bytes_max=BYTES_MAX)

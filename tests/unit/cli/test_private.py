"""Private folders: for this user alone, gone with the parent or, if that was killed, the next."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from layerstore.cli.private import private_folder, write_private

KILLED = """
import os, signal, sys
from pathlib import Path
from layerstore.cli.private import private_folder, write_private

with private_folder(Path(sys.argv[1])) as folder:
    write_private(folder / "configuration-1", b"secret")
    (folder / "tls-1").mkdir()
    write_private(folder / "tls-1" / "key", b"secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_process(above: Path) -> Path:
    died = subprocess.run([sys.executable, "-c", KILLED, above], check=False)
    assert died.returncode == -signal.SIGKILL
    [folder] = above.iterdir()
    assert (folder / "tls-1" / "key").read_bytes() == b"secret"
    return folder


def test_a_folder_is_this_users_alone_and_goes_with_the_block(tmp_path: Path) -> None:
    with private_folder(tmp_path) as folder:
        write_private(folder / "file", b"secret")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "file").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_parent_left_goes_with_the_next_one(tmp_path: Path) -> None:
    left = left_by_a_killed_process(tmp_path)
    with private_folder(tmp_path) as folder:
        assert not left.exists()
        assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_living_parent_stays(tmp_path: Path) -> None:
    with private_folder(tmp_path) as first, private_folder(tmp_path) as second:
        assert first.exists()
        assert second.exists()


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_that_others_may_enter_is_none_of_ours(tmp_path: Path, mode: int) -> None:
    left = left_by_a_killed_process(tmp_path)
    left.chmod(mode)
    with private_folder(tmp_path):
        assert (left / "tls-1" / "key").exists()


def test_a_folder_without_the_mark_is_none_of_ours(tmp_path: Path) -> None:
    stays = tmp_path / "layerstore-data"
    stays.mkdir(mode=0o700)
    (stays / "file").write_bytes(b"content")
    with private_folder(tmp_path):
        assert (stays / "file").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    left = left_by_a_killed_process(above)
    elsewhere = tmp_path / "elsewhere"
    left.rename(elsewhere)
    (above / "layerstore-link").symlink_to(elsewhere)
    with private_folder(above):
        assert (elsewhere / "tls-1" / "key").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_folder_of_another_user_stays(tmp_path: Path) -> None:
    left = left_by_a_killed_process(tmp_path)
    os.chown(left, 12345, 12345)
    with private_folder(tmp_path):
        assert left.exists()

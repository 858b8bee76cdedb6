"""Which disks are trusted with the order of names, as `/sys` tells it."""

import os
from pathlib import Path

import pytest

from layerstore.storage.journals import keeps_order

DEVICE = os.makedev(254, 1)


def told(system: Path, *files: str) -> Path:
    """A `/sys` with one disk; these files, `path=content`, tell of file systems."""
    disk = system / "devices/virtio1/block/vda/vda1"
    disk.mkdir(parents=True)
    numbers = system / "dev/block"
    numbers.mkdir(parents=True)
    (numbers / "254:1").symlink_to("../../devices/virtio1/block/vda/vda1")
    for path, content in (file.split("=") for file in files):
        (system / "fs" / path).parent.mkdir(parents=True, exist_ok=True)
        (system / "fs" / path).write_text(f"{content}\n")
    return system


@pytest.mark.parametrize(
    ("files", "does"),
    [
        (["ext4/vda1/journal_task=133"], True),
        (["ext4/vda1/journal_task=0"], True),
        (["ext4/vda1/journal_task=<none>"], False),
        (["ext4/vda1/lifetime_write_kbytes=12"], False),
        (["xfs/vda1/log/log_head_lsn=1:2"], True),
        (["ext4/vdb1/journal_task=133", "xfs/vdb1/log/log_head_lsn=1:2"], False),
        (["btrfs/vda1/label=disk"], False),
        ([], False),
    ],
    ids=[
        "ext4",
        "ext4-in-a-container",
        "ext4-without-a-journal",
        "ext4-of-an-old-system",
        "xfs",
        "another-disk",
        "btrfs",
        "nothing",
    ],
)
def test_ext4_with_a_journal_and_xfs_keep_the_order(
    tmp_path: Path, files: list[str], does: bool
) -> None:
    assert keeps_order(DEVICE, told(tmp_path, *files)) is does


def test_a_file_system_without_a_disk_does_not(tmp_path: Path) -> None:
    system = told(tmp_path, "ext4/vda1/journal_task=133")
    assert not keeps_order(os.makedev(0, 41), system)
    assert not keeps_order(DEVICE, tmp_path / "hidden")

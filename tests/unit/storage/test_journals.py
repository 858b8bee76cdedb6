"""Which disks are trusted with the order of names, as `/sys` tells it."""

import os
from pathlib import Path

import pytest

from layerstore.storage.journals import keeps_order

DEVICE = os.makedev(254, 1)


def told(system: Path, *kinds: str) -> Path:
    """A `/sys` with one disk, of which these files tell the file system."""
    disk = system / "devices/virtio1/block/vda/vda1"
    disk.mkdir(parents=True)
    numbers = system / "dev/block"
    numbers.mkdir(parents=True)
    (numbers / "254:1").symlink_to("../../devices/virtio1/block/vda/vda1")
    for kind in kinds:
        (system / "fs" / kind).mkdir(parents=True)
    return system


@pytest.mark.parametrize(
    ("kinds", "does"),
    [
        (["ext4/vda1/journal_task"], True),
        (["ext4/vda1/lifetime_write_kbytes"], False),
        (["xfs/vda1/log"], True),
        (["ext4/vdb1/journal_task", "xfs/vdb1/log"], False),
        (["btrfs/vda1"], False),
        ([], False),
    ],
    ids=["ext4", "ext4-without-a-journal", "xfs", "another-disk", "btrfs", "nothing"],
)
def test_ext4_with_a_journal_and_xfs_keep_the_order(
    tmp_path: Path, kinds: list[str], does: bool
) -> None:
    assert keeps_order(DEVICE, told(tmp_path, *kinds)) is does


def test_a_file_system_without_a_disk_does_not(tmp_path: Path) -> None:
    system = told(tmp_path, "ext4/vda1/journal_task")
    assert not keeps_order(os.makedev(0, 41), system)
    assert not keeps_order(DEVICE, tmp_path / "hidden")

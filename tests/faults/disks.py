"""File systems of a test's own, small enough to be filled, which can also be made to hang.

They are mounted, which needs root; a user who may not is told so by a skip, and where every program
is required by a failure.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.daemons import need_root

MIB: Final = 1024 * 1024
PAGE_BYTES: Final = 4096


@dataclass(frozen=True)
class Disk:
    """A mounted file system; what fills it up is a file beside the storage."""

    folder: Path

    @property
    def root(self) -> Path:
        """Where a registry may store: all of it."""
        return self.folder

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Use up all room but for so many bytes."""
        self.empty()
        with self._filler.open("wb") as file:
            size = 0
            for piece in (MIB, PAGE_BYTES):
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), size, piece)
                        size += piece
            os.ftruncate(file.fileno(), max(0, size - leaving))
            os.fsync(file.fileno())

    def empty(self) -> None:
        """Take away what fills it up."""
        self._filler.unlink(missing_ok=True)

    def use_up_inodes(self, *, leaving: int = 0) -> None:
        """Use up all files that there can be but for so many."""
        folder = self.folder / "many"
        folder.mkdir(exist_ok=True)
        number = sum(1 for _ in folder.iterdir())
        while os.statvfs(self.folder).f_favail > leaving:
            (folder / str(number)).touch()
            number += 1

    def free_inodes(self, number: int) -> None:
        """Give so many back."""
        for file in list((self.folder / "many").iterdir())[:number]:
            file.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written until the block ends. Nobody may have a file open for writing."""
        _run("mount", "-o", "remount,ro", self.folder)
        try:
            yield
        finally:
            _run("mount", "-o", "remount,rw", self.folder)

    @contextmanager
    def locks_elsewhere(self) -> Iterator[None]:
        """The registry's locks lie on another disk: the one of upkeep is open all the time."""
        locks = self.root / "layerstore" / "locks"
        locks.mkdir(parents=True)
        with _mounted(locks, "-t", "tmpfs", "none"):
            yield

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Whoever writes waits until the block ends; reading goes on (fsfreeze(8))."""
        _run("fsfreeze", "--freeze", self.folder)
        try:
            yield
        finally:
            _run("fsfreeze", "--unfreeze", self.folder)


@contextmanager
def in_memory(folder: Path, size: int = 8 * MIB, inodes: int = 4096) -> Iterator[Disk]:
    """A tmpfs of so many bytes and files."""
    options = f"size={size},nr_inodes={inodes}"
    with _mounted(folder, "-t", "tmpfs", "-o", options, "none") as disk:
        yield disk


@contextmanager
def in_a_file(folder: Path, size: int = 24 * MIB) -> Iterator[Disk]:
    """An ext4 of so many bytes in a file, which behaves as a disk does."""
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-F", "-b", str(PAGE_BYTES), "-m", "0", "-O", "^has_journal", image)
    with _mounted(folder, "-o", "loop", image) as disk:
        yield disk
    image.unlink()


@contextmanager
def _mounted(folder: Path, *what: str | Path) -> Iterator[Disk]:
    need_root("mounting a file system")
    folder.mkdir(exist_ok=True)
    _run("mount", *what, folder)
    try:
        yield Disk(folder)
    finally:
        with suppress(subprocess.CalledProcessError):
            _run("mount", "-o", "remount,rw", folder)
        _run("umount", "--lazy", folder)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)

"""Content of unknown length on its way to its path; blocking, for threads.

What does not fit into one piece gathers in `<root>/layerstore/incoming/<id>` until it is whole,
where no delete of the target's folder reaches it. The file is locked as long as its writer lives:
one that can be locked was left by a process that died, and is swept away.
"""

import fcntl
import os
from contextlib import suppress
from typing import Final

from layerstore.storage.beneath import FILE_MODE, Descriptor, Tree, persistently
from layerstore.storage.durable import (
    INCOMING,
    OURS_MODE,
    Disk,
    child_names,
    start_writeback,
    unlink_if_there,
    write_all,
)

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """One file that gathers; used by one thread at a time."""

    def __init__(self, tree: Tree, disk: Disk, new_id: str) -> None:
        self._tree = tree
        self._disk = disk
        self._name = new_id
        self._file: Descriptor | None = None
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        if self._file is None:
            self._file = persistently(self._begin)
        write_all(self._file.number, piece, self.size)
        start_writeback(self._file.number, self.size, len(piece))
        self.size += len(piece)

    def _begin(self) -> Descriptor:
        with self._tree.made_folder(INCOMING, OURS_MODE) as folder:
            file = Descriptor(os.open(self._name, _NEW, FILE_MODE, dir_fd=folder))
        fcntl.flock(file.number, fcntl.LOCK_EX)
        if os.fstat(file.number).st_nlink == 0:
            raise FileNotFoundError(f"swept between being made and being locked: {self._name}")
        return file

    def place(self, path: str, durable: bool) -> None:
        """Give what has gathered its path."""
        assert self._file is not None
        if durable:
            os.fsync(self._file.number)
        with self._tree.folder(INCOMING) as folder:
            self._disk.arrive(folder, self._name, path, durable)
        self._file.close()

    def discard(self) -> None:
        """Forget what has gathered; what cannot be removed now is swept away later."""
        if self._file is None:
            return
        with suppress(OSError), self._tree.folder(INCOMING) as folder:
            unlink_if_there(folder, self._name)


def sweep(tree: Tree) -> None:
    """Remove what dead processes have left."""
    try:
        opened = tree.folder(INCOMING)
    except FileNotFoundError:
        return
    with opened as folder:
        for name in child_names(folder):
            _sweep_one(folder, name)


def _sweep_one(folder: int, name: str) -> None:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    lives = BlockingIOError
    with (
        suppress(FileNotFoundError, lives),
        Descriptor(os.open(name, flags, dir_fd=folder)) as file,
    ):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)

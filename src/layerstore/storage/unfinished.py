"""Files that are still being written, by whoever comes next; blocking, for threads.

An unfinished file is simply the file at its path, so that any process, and the original, goes on
with it. What fences writers off from each other is one lock on the file (flock), held for one
write of at most 1 MiB: whoever holds it sees whether the path still leads to this file and where
the file ends. Nobody holds it while waiting for a client, and a dead process holds nothing.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from layerstore.storage.beneath import (
    ABSENT,
    FILE_MODE,
    FOLDER_ATTEMPTS,
    NAME,
    Descriptor,
    Tree,
    last_name,
    parent,
    persistently,
)
from layerstore.storage.driver import NO_FILES, Files, InvalidOffset, PathNotFound
from layerstore.storage.durable import Disk, start_writeback, write_all

PIECE_BYTES: Final = 1024 * 1024

_CAREFULLY: Final = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Unfinished:
    """Begins, carries on, finishes and moves the files of one tree."""

    def __init__(self, tree: Tree, disk: Disk) -> None:
        self._tree = tree
        self._disk = disk

    def begin(self, path: str) -> None:
        """Make a new, empty file; writers of an older one find it gone."""
        persistently(lambda: self._begin_once(path))

    def _begin_once(self, path: str) -> None:
        name = last_name(path)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._tree.made_folder(parent(path)) as folder:
            for _ in range(FOLDER_ATTEMPTS):
                try:
                    os.close(os.open(name, flags, FILE_MODE, dir_fd=folder))
                    return
                except FileExistsError:
                    os.unlink(name, dir_fd=folder)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def write(self, path: str, at: int, content: bytes) -> None:
        """Write behind the byte `at`, a piece at a time; InvalidOffset unless the file ends there.

        The check is made again for each piece, so another writer is noticed at the next one.
        """
        rest = memoryview(content)
        while rest:
            piece, rest = rest[:PIECE_BYTES], rest[PIECE_BYTES:]
            self._write_piece(path, at, piece)
            at += len(piece)

    def write_last(self, path: str, at: int, content: bytes) -> None:
        """The same for content of one piece at most, and sync the file then."""
        with self._standing_at(path, at) as file:
            write_all(file, content, at)
            fcntl.flock(file, fcntl.LOCK_UN)
            os.fdatasync(file)

    def _write_piece(self, path: str, at: int, piece: memoryview) -> None:
        with self._standing_at(path, at) as file:
            write_all(file, piece, at)
            fcntl.flock(file, fcntl.LOCK_UN)
            start_writeback(file, at, len(piece))

    def check(self, path: str, at: int) -> None:
        """Sync the file, which must end at `at`; else InvalidOffset."""
        with self._standing_at(path, at) as file:
            os.fdatasync(file)

    @contextmanager
    def _standing_at(self, path: str, at: int) -> Iterator[int]:
        try:
            with self._tree.folder(parent(path)) as folder:
                held = _held(folder, last_name(path), _for_writing)
        except OSError as error:
            raise _gone(error, path, at) from None
        with held as file:
            found = os.fstat(file)
            if found.st_nlink > 1:  # a crash left a moved file under its old name too
                raise InvalidOffset(NAME, path, at)
            if found.st_size != at:
                raise InvalidOffset(NAME, path, at, found.st_size)
            yield file

    def sync(self, path: str, at: int) -> None:
        """Make the bytes written so far survive a power loss, if the file's name does."""
        try:
            with self._tree.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK) as file:
                os.fdatasync(file)
        except OSError as error:
            raise _gone(error, path, at) from None

    def move(
        self,
        source: str,
        target: str,
        size: int | None,
        beside: Files = NO_FILES,
        new_id: str = "",
    ) -> None:
        """Sync and rename under the lock of the writers, so that none of them reaches the target.

        The small files `beside` it come with it.
        """
        try:
            origin = self._tree.folder(parent(source))
            held = _held(origin.number, last_name(source), _for_syncing)
        except OSError as error:
            if error.errno in ABSENT:
                raise PathNotFound(NAME, source) from None
            raise
        with origin as folder, held as file:
            found = os.fstat(file).st_size
            if size is not None and found != size:
                raise InvalidOffset(NAME, source, size, found)
            os.fsync(file)
            self._disk.arrive(folder, last_name(source), target, True, beside, new_id)

    def drop(self, path: str) -> None:
        """Take the file away. FileNotFoundError when there is none."""
        with self._tree.folder(parent(path)) as folder:
            os.unlink(last_name(path), dir_fd=folder)

    def drop_resting(self, path: str, size: int) -> None:
        """Take the file away if it has that size and nobody writes to it; else InvalidOffset."""
        name = last_name(path)
        try:
            with (
                self._tree.folder(parent(path)) as folder,
                _held(folder, name, _for_syncing, wait=False) as file,
            ):
                found = os.fstat(file).st_size
                if found != size:
                    raise InvalidOffset(NAME, path, size, found)
                os.unlink(name, dir_fd=folder)
        except BlockingIOError:
            raise InvalidOffset(NAME, path, size, size) from None
        except OSError as error:
            raise _gone(error, path, size) from None


def _gone(error: OSError, path: str, at: int) -> OSError | InvalidOffset:
    return InvalidOffset(NAME, path, at) if error.errno in ABSENT else error


def _held(
    folder: int, name: str, opened: Callable[[int, str], Descriptor], *, wait: bool = True
) -> Descriptor:
    """The file of this name, locked: as long as that lasts, no other writer changes it.

    While waiting for the lock the name may have come to lead to another file, or to none. Who does
    not wait gets BlockingIOError where another one holds it.
    """
    while True:
        file = opened(folder, name)
        fcntl.flock(file.number, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = os.lstat(name, dir_fd=folder)
        if os.path.samestat(named, os.fstat(file.number)):
            return file
        file.close()


def _for_writing(folder: int, name: str) -> Descriptor:
    return _regular(Descriptor(os.open(name, os.O_RDWR | _CAREFULLY, dir_fd=folder)))


def _for_syncing(folder: int, name: str) -> Descriptor:
    """For writing where possible, since network file systems lock only such files exclusively."""
    try:
        return _for_writing(folder, name)
    except PermissionError:
        return _regular(Descriptor(os.open(name, os.O_RDONLY | _CAREFULLY, dir_fd=folder)))


def _regular(file: Descriptor) -> Descriptor:
    if not stat.S_ISREG(os.fstat(file.number).st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return file

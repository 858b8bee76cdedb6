"""What it takes that a file is still there after a power loss; blocking, for threads.

The order is always the same: the bytes are synced, the name is changed, the folder with the new
name is synced, and then each folder above it whose own entry may not be on disk yet. A folder
that somebody else made, perhaps without syncing it, counts as not yet on disk: so this process
syncs the way up to the root once, and from then on only what is new. The same goes for files that
are found and relied on: who made one may have died before its sync.
"""

import ctypes
import errno
import os
import shutil
import stat
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import Final, NamedTuple

from layerstore.storage.beneath import (
    ABSENT,
    FILE_MODE,
    READ,
    Descriptor,
    Tree,
    last_name,
    parent,
    persistently,
)

OURS: Final = "/layerstore"
TRASH: Final = f"{OURS}/trash"
INCOMING: Final = f"{OURS}/incoming"
OURS_MODE: Final = 0o700

_SETTLED_MAX: Final = 8192
_SYNC_FILE_RANGE_WRITE: Final = 2

_AT_EMPTY_PATH: Final = 0x1000
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_STATX_BTIME: Final = 0x800
_STATX_BYTES: Final = 256
_STATX_BTIME_AT: Final = slice(80, 92)

_libc = ctypes.CDLL(None, use_errno=True)


class _Identity(NamedTuple):
    device: int
    inode: int
    birth: bytes


def _identity(file: int) -> _Identity:
    found = os.fstat(file)
    return _Identity(found.st_dev, found.st_ino, _birth(file, ""))


def _identity_in(folder: int, name: str) -> _Identity:
    found = os.lstat(name, dir_fd=folder)
    return _Identity(found.st_dev, found.st_ino, _birth(folder, name))


def _birth(file: int, name: str) -> bytes:
    """When it was made: a removed one's inode number goes to the next one at once."""
    call = getattr(_libc, "statx", None)
    found = ctypes.create_string_buffer(_STATX_BYTES)
    flags = _AT_SYMLINK_NOFOLLOW if name else _AT_EMPTY_PATH
    if call is None or call(file, os.fsencode(name), flags, _STATX_BTIME, found) != 0:
        return b""
    return found.raw[_STATX_BTIME_AT]


def write_all(file: int, content: bytes | memoryview, at: int) -> None:
    """Write every byte at its place. After an error the file holds some of them, from the first."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, at)
        at += written
        rest = rest[written:]


def start_writeback(file: int, at: int, size: int) -> None:
    """Let the disk begin with these bytes now, so that the sync at the end finds little left."""
    call = getattr(_libc, "sync_file_range", None)
    if call is not None:
        flags = ctypes.c_uint(_SYNC_FILE_RANGE_WRITE)
        call(ctypes.c_int(file), ctypes.c_int64(at), ctypes.c_int64(size), flags)


class _Settled:
    """What this process has synced with the name that leads there; the least used is forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Identity] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, path: str, identity: _Identity) -> bool:
        with self._lock:
            if self._known.get(path) != identity:
                return False
            self._known.move_to_end(path)
            return True

    def add(self, path: str, identity: _Identity) -> None:
        with self._lock:
            self._known[path] = identity
            if len(self._known) > _SETTLED_MAX:
                self._known.popitem(last=False)


class Disk:
    """Files that appear whole and stay, below one tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._settled = _Settled()
        self._settled_files = _Settled()

    def settle_path(self, path: str) -> None:
        """Make durable what is there: a file, what is in a folder, or that there is nothing."""
        try:
            there = self._tree.open(path, READ)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            self._settle_absence(path)
            return
        with there as file:
            kind = os.fstat(file).st_mode
            if stat.S_ISDIR(kind):
                self.settle(path, file)
            elif not stat.S_ISREG(kind):  # a pipe, say, which holds no bytes
                self._settle_absence(path)
            elif not self._settled_files.has(path, _identity(file)):
                os.fsync(file)
                with self._tree.folder(parent(path)) as folder:
                    self._settle_name(path, folder)

    def _settle_absence(self, path: str) -> None:
        above = parent(path)
        try:
            with self._tree.folder(above) as folder:
                os.fsync(folder)
        except OSError as error:
            if error.errno not in ABSENT or above == "/":
                raise
            self._settle_absence(above)

    def _settle_name(self, path: str, folder: int) -> None:
        """Sync the folder of a synced file, and the entries that lead to it."""
        try:
            identity = _identity_in(folder, last_name(path))
        except FileNotFoundError:
            identity = None
        self.settle(parent(path), folder)
        if identity is not None:
            self._settled_files.add(path, identity)

    def settle(self, path: str, folder: int) -> None:
        """Sync an open folder, and the entries that lead to it."""
        os.fsync(folder)
        identity = _identity(folder)
        while path != "/" and not self._settled.has(path, identity):
            above = parent(path)
            with self._tree.folder(above) as upper:
                os.fsync(upper)
                above_identity = _identity(upper)
            self._settled.add(path, identity)
            path, identity = above, above_identity

    def replace(self, path: str, content: bytes, new_id: str, durable: bool) -> None:
        """Make or replace a file, whole or not at all; its folder is made, again if it vanishes."""
        persistently(lambda: self._replace_once(path, content, new_id, durable))

    def _replace_once(self, path: str, content: bytes, new_id: str, durable: bool) -> None:
        above, name = parent(path), last_name(path)
        temporary = f"{name}.{new_id}.tmp"
        with self._tree.made_folder(above) as folder:
            try:
                with _new_file(folder, temporary) as file:
                    write_all(file, content, 0)
                    if durable:
                        os.fsync(file)
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                unlink_if_there(folder, temporary)
                raise
            if durable:
                self._settle_name(path, folder)

    def arrive(self, origin: int, name: str, target: str, durable: bool = True) -> None:
        """Give a synced file in an open folder the path `target`, replacing what is there."""
        persistently(lambda: self._arrive_once(origin, name, target, durable))

    def _arrive_once(self, origin: int, name: str, target: str, durable: bool) -> None:
        above = parent(target)
        with self._tree.made_folder(above) as folder:
            os.rename(name, last_name(target), src_dir_fd=origin, dst_dir_fd=folder)
            if durable:
                self._settle_name(target, folder)

    def delete(self, path: str, new_id: str) -> None:
        """A file, or a folder with all that is in it; what is gone already stays so."""
        try:
            self._take_away(path, new_id)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            self._settle_absence(path)

    def _take_away(self, path: str, new_id: str) -> None:
        name = last_name(path)
        with self._tree.folder(parent(path)) as folder:
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                self._discard(folder, name, new_id)
            else:
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)

    def _discard(self, folder: int, name: str, new_id: str) -> None:
        """Take a folder away at once, and empty it then; in place if it lies on another device."""
        with persistently(lambda: self._tree.made_folder(TRASH, OURS_MODE)) as trash:
            try:
                os.rename(name, new_id, src_dir_fd=folder, dst_dir_fd=trash)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.rmtree(name, dir_fd=folder)
            os.fsync(folder)
            shutil.rmtree(new_id, ignore_errors=True, dir_fd=trash)

    def empty_trash(self) -> None:
        """Remove what a crash, or a file that could not be removed then, has left in the trash."""
        try:
            trash = self._tree.folder(TRASH)
        except FileNotFoundError:
            return
        with trash as folder:
            for name in child_names(folder):
                shutil.rmtree(name, ignore_errors=True, dir_fd=folder)


def _new_file(folder: int, name: str) -> Descriptor:
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    return Descriptor(os.open(name, flags, FILE_MODE, dir_fd=folder))


def unlink_if_there(folder: int, name: str) -> None:
    """Take a name away from an open folder."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def child_names(folder: int) -> list[str]:
    """The names in one of our own folders, which are few."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]

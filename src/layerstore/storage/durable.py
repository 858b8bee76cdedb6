"""What it takes that a file is still there after a power loss; blocking, for threads.

The order is always the same: the bytes are synced, the name is changed, the folder with the new
name is synced, and then each folder above it whose own entry may not be on disk yet. A folder
that somebody else made, perhaps without syncing it, counts as not yet on disk: so this process
syncs the way up to the root once, and from then on only what is new. The same goes for files that
are found and relied on: who made one may have died before its sync.

On a disk that keeps the order of names (`journals.py`) the sync of the last folder is enough for
all names that were given before, and for the folders above.
"""

import ctypes
import errno
import os
import shutil
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, NamedTuple

from layerstore.storage.beneath import (
    ABSENT,
    FILE_MODE,
    FOLDER,
    LOOK,
    READ,
    Descriptor,
    Tree,
    last_name,
    parent,
    persistently,
)
from layerstore.storage.driver import NO_FILES, Files
from layerstore.storage.identity import Identity, identity
from layerstore.storage.journals import keeps_order

OURS: Final = "/layerstore"
TRASH: Final = f"{OURS}/trash"
INCOMING: Final = f"{OURS}/incoming"
OURS_MODE: Final = 0o700

_SETTLED_MAX: Final = 8192
_SYNC_FILE_RANGE_WRITE: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


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
        self._known: OrderedDict[str, Identity] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, path: str, identity: Identity) -> bool:
        with self._lock:
            if self._known.get(path) != identity:
                return False
            self._known.move_to_end(path)
            return True

    def add(self, path: str, identity: Identity) -> None:
        with self._lock:
            self._known[path] = identity
            if len(self._known) > _SETTLED_MAX:
                self._known.popitem(last=False)


class _Draft(NamedTuple):
    """A file under a temporary name in the open folder where it belongs."""

    path: str
    folder: int
    temporary: str
    file: int = -1

    @property
    def name(self) -> str:
        return last_name(self.path)


def _sync_all(files: Sequence[int]) -> None:
    """Begin to write all of them before waiting for the first: most of the others are done then."""
    for file in files[1:]:
        start_writeback(file, 0, 0)
    for file in files:
        os.fsync(file)


class _Name(NamedTuple):
    """A file's name in an open folder; the identity of what it led to, None when that is gone."""

    path: str
    folder: int
    device: int
    identity: Identity | None


class _Naming:
    """Names given one after the other: durably before the next one, and in the end all.

    Where a disk keeps their order one sync at the end does for all.
    """

    def __init__(self, disk: "Disk", durable: bool) -> None:
        self._disk = disk
        self._durable = durable
        self._fresh: list[_Name] = []

    def rename(self, origin: int, name: str, path: str, folder: int) -> None:
        """Give the file `name` of the folder `origin` the name of `path` in `folder`."""
        if self._fresh:
            device = self._disk.identity(folder).device
            if not self._disk.come_together(self._fresh[-1].device, device):
                self.finish()
        os.rename(name, last_name(path), src_dir_fd=origin, dst_dir_fd=folder)
        if self._durable:
            self.found(path, folder)

    def found(self, path: str, folder: int) -> None:
        """The name is there, and nobody knows since when. Not behind a `rename` to elsewhere.

        The last name's folder brings along what came before its own last change only.
        """
        try:
            identity = self._disk.identity(folder, last_name(path))
        except FileNotFoundError:
            identity = None
        device = (identity or self._disk.identity(folder)).device
        self._fresh.append(_Name(path, folder, device, identity))

    def finish(self) -> None:
        """Return when all are durable."""
        if self._fresh:
            self._disk.settle_names(self._fresh)
            self._fresh = []


def _place(drafts: Sequence[_Draft], naming: _Naming) -> None:
    for draft in drafts:
        naming.rename(draft.folder, draft.temporary, draft.path, draft.folder)


class Disk:
    """Files that appear whole and stay, below one tree."""

    def __init__(self, tree: Tree, keeps_order: Callable[[int], bool] = keeps_order) -> None:
        """`keeps_order` tells whether the disk of that number (`st_dev`) does."""
        self._tree = tree
        self._keeps_order = keeps_order
        self._settled = _Settled()
        self._settled_files = _Settled()

    def identity(self, file: int, name: str = "") -> Identity:
        """Of something that is open, or was found, so that the system has it in memory."""
        return identity(file, name, at_once=self._tree.is_local)

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
            elif not self._settled_files.has(path, self.identity(file)):
                os.fsync(file)
                with self._tree.folder(parent(path)) as folder, self._naming() as naming:
                    naming.found(path, folder)

    def _settle_absence(self, path: str) -> None:
        above = parent(path)
        try:
            with self._tree.folder(above) as folder:
                os.fsync(folder)
        except OSError as error:
            if error.errno not in ABSENT or above == "/":
                raise
            self._settle_absence(above)

    def settle(self, path: str, folder: int) -> None:
        """Sync an open folder, and the entries that lead to it."""
        os.fsync(folder)
        identity = self.identity(folder)
        if self.come_together(identity.device, self._tree.device):
            return
        while path != "/" and not self._settled.has(path, identity):
            above = parent(path)
            with self._tree.folder(above) as upper:
                os.fsync(upper)
                above_identity = self.identity(upper)
            self._settled.add(path, identity)
            path, identity = above, above_identity

    def come_together(self, device: int, other: int) -> bool:
        """Whether what is synced on one of the disks brings along all that the other was told."""
        return device == other and self._keeps_order(device)

    def settle_names(self, names: Sequence["_Name"]) -> None:
        """Make durable names whose syncs come together."""
        last = names[-1]
        self.settle(parent(last.path), last.folder)
        for name in names:
            if name.identity is not None:
                self._settled_files.add(name.path, name.identity)

    @contextmanager
    def _naming(self, durable: bool = True) -> Iterator["_Naming"]:
        naming = _Naming(self, durable)
        yield naming
        naming.finish()

    def is_settled(self, path: str) -> bool:
        """Whether this process has synced the file that is there; never waits for a disk."""
        try:
            there = self._tree.open_cached(path, LOOK)
        except FileNotFoundError:
            return False
        if there is None:
            return False
        with there as file:
            return self._settled_files.has(path, self.identity(file))

    def replace(self, files: Files, new_id: str, durable: bool = True) -> None:
        """Make or replace files, each whole or not at all, in their order.

        Their folders are made, again if one vanishes. All are durable when this returns; a crash
        before that leaves the first of them.
        """
        persistently(lambda: self._replace_once(files, new_id, durable))

    def _replace_once(self, files: Files, new_id: str, durable: bool) -> None:
        with (
            self._drafts(files, new_id, durable) as drafts,
            self._naming(durable) as naming,
        ):
            _place(drafts, naming)

    @contextmanager
    def _drafts(self, files: Files, new_id: str, durable: bool) -> Iterator[Sequence[_Draft]]:
        """The files under temporary names, their bytes synced; gone again if the block fails."""
        drafts: list[_Draft] = []
        with ExitStack() as opened:
            try:
                for path, content in files.items():
                    folder = opened.enter_context(self._tree.made_folder(parent(path)))
                    draft = _Draft(path, folder, f"{last_name(path)}.{new_id}.tmp")
                    file = opened.enter_context(_new_file(folder, draft.temporary))
                    drafts.append(draft._replace(file=file))
                    write_all(file, content, 0)
                if durable:
                    _sync_all([draft.file for draft in drafts])
                yield drafts
            except BaseException:
                for draft in drafts:
                    unlink_if_there(draft.folder, draft.temporary)
                raise

    def arrive(
        self,
        origin: int,
        name: str,
        target: str,
        durable: bool = True,
        beside: Files = NO_FILES,
        new_id: str = "",
    ) -> None:
        """Give a synced file in an open folder the path `target`, replacing what is there.

        The small files `beside` it appear right behind, as by `replace`.
        """
        persistently(lambda: self._arrive_once(origin, name, target, durable, beside, new_id))

    def _arrive_once(
        self, origin: int, name: str, target: str, durable: bool, beside: Files, new_id: str
    ) -> None:
        with (
            self._drafts(beside, new_id, durable) as drafts,
            self._tree.made_folder(parent(target)) as folder,
            self._naming(durable) as naming,
        ):
            naming.rename(origin, name, target, folder)
            _place(drafts, naming)

    def delete(self, path: str, new_id: str, durable: bool = True) -> None:
        """A file, or a folder with all that is in it; what is gone already stays so."""
        try:
            self._take_away(path, new_id, durable)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            if durable:
                self._settle_absence(path)

    def _take_away(self, path: str, new_id: str, durable: bool) -> None:
        name = last_name(path)
        with self._tree.folder(parent(path)) as folder:
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                self._discard(folder, name, new_id, durable)
                return
            os.unlink(name, dir_fd=folder)
            if durable:
                os.fsync(folder)

    def _discard(self, folder: int, name: str, new_id: str, durable: bool) -> None:
        """Take a folder away at once, and empty it then; in place if it lies on another device."""
        if not durable and _removed(folder, name):
            return
        with persistently(lambda: self._tree.made_folder(TRASH, OURS_MODE)) as trash:
            try:
                os.rename(name, new_id, src_dir_fd=folder, dst_dir_fd=trash)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                shutil.rmtree(name, dir_fd=folder)
            if durable:
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


def _removed(folder: int, name: str) -> bool:
    """Take away a folder with at most one file in it; False when it is more, or stays."""
    try:
        with Descriptor(os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder)) as inner:
            children = child_names(inner)
            if len(children) > 1:
                return False
            for child in children:
                os.unlink(child, dir_fd=inner)
        os.rmdir(name, dir_fd=folder)
    except OSError:
        return False
    return True


def unlink_if_there(folder: int, name: str) -> None:
    """Take a name away from an open folder."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def child_names(folder: int) -> list[str]:
    """The names in one of our own folders, which are few."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]

"""What processes that died have left on a file system; blocking, for threads.

No driver shows it: temporary files beside their places (`<name>.<uuid>.tmp`), contents that were
gathering in `layerstore/incoming/`, folders on their way out in `layerstore/trash/`. Whatever was
touched after a moment that the caller names may still be somebody's, and is left alone; what is
gathering is its writer's for as long as that writer holds its lock.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from layerstore.storage import incoming
from layerstore.storage.beneath import NAME, Descriptor, Tree, last_name, parent
from layerstore.storage.driver import InvalidPath, StorageUnavailable, check_path
from layerstore.storage.durable import INCOMING, OURS, TRASH, child_names
from layerstore.storage.temporaries import TEMPORARY


class Leftovers:
    """The remains below one storage root, by their paths there."""

    def __init__(self, root: Path) -> None:
        """Raises StorageUnavailable when the folder cannot be opened."""
        self._root = root.absolute()
        with _told("/"):
            self._tree = Tree(self._root)

    def close(self) -> None:
        """Let go of the root."""
        self._tree.close()

    def found(self, before: datetime) -> list[str]:
        """Everything that was left, and last touched, before that moment. StorageUnavailable."""
        limit = before.timestamp()
        with _told("/"):
            return [*self._temporaries(limit), *self._gathering(), *self._trash(limit)]

    def _temporaries(self, limit: float) -> Iterator[str]:
        present = [folder for folder in ("/docker", OURS) if (self._root / folder[1:]).is_dir()]
        for folder in present:
            for place, folders, files, number in os.fwalk(self._root / folder[1:]):
                here = place.removeprefix(str(self._root))
                folders[:] = [name for name in folders if _leads_on(f"{here}/{name}")]
                for name in files:
                    if TEMPORARY.fullmatch(name) and _touched(number, name) < limit:
                        yield f"{here}/{name}"

    def _gathering(self) -> Iterator[str]:
        for name in self._names(INCOMING):
            with (
                self._tree.folder(INCOMING) as folder,
                suppress(BlockingIOError, FileNotFoundError),
            ):
                flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
                with Descriptor(os.open(name, flags, dir_fd=folder)) as file:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                yield f"{INCOMING}/{name}"

    def _trash(self, limit: float) -> Iterator[str]:
        for name in self._names(TRASH):
            with self._tree.folder(TRASH) as folder:
                if _touched(folder, name) < limit:
                    yield f"{TRASH}/{name}"

    def _names(self, folder: str) -> list[str]:
        try:
            with self._tree.folder(folder) as number:
                return child_names(number)
        except FileNotFoundError:
            return []

    def remove(self, path: str) -> None:
        """Take one of them away. Raises StorageUnavailable; absent is no error."""
        with _told(path), suppress(FileNotFoundError):
            if parent(path) == INCOMING:
                incoming.sweep(self._tree)
                return
            with self._tree.folder(parent(path)) as folder:
                if parent(path) == TRASH:
                    shutil.rmtree(last_name(path), dir_fd=folder)
                else:
                    os.unlink(last_name(path), dir_fd=folder)
                os.fsync(folder)

    def remove_empty_folder(self, path: str) -> bool:
        """Take a folder away unless something is in it; whether it went. StorageUnavailable."""
        try:
            with self._tree.folder(parent(path)) as folder:
                os.rmdir(last_name(path), dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                return False
            raise _unavailable(error, path) from None
        return True


def _leads_on(folder: str) -> bool:
    """Whether files of ours can lie there, beside those that are looked at elsewhere."""
    try:
        check_path(NAME, folder)
    except InvalidPath:
        return False
    return folder not in (INCOMING, TRASH)


def _touched(folder: int, name: str) -> float:
    """When an entry was last changed, its name included; never, for one that has gone."""
    try:
        return os.lstat(name, dir_fd=folder).st_ctime
    except FileNotFoundError:
        return float("inf")


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unavailable(error, path) from None


def _unavailable(error: OSError, path: str) -> StorageUnavailable:
    return StorageUnavailable(NAME, path, os.strerror(error.errno or errno.EIO).lower())

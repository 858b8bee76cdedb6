"""The parent's private folder, and files in it, which may hold secrets.

A parent that is killed cannot remove its folder; the next one of the same user does. What tells a
folder in use from one that was left is a lock that its parent holds as long as it lives.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
_PREFIX: Final = "layerstore-"
_IN_USE: Final = "in-use"
_LOOK: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def private_folder(above: Path | None = None) -> Iterator[Path]:
    """A folder for this user alone, in memory where that is possible, until the block ends.

    If this process becomes another program, the folder stays, and in use, until that one ends.

    Before it is made, those that parents of this user left when they were killed are removed.
    """
    place = above or _place()
    _remove_left(place)
    folder, lock = _made(place)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _place() -> Path:
    writable = os.access(_SHARED_MEMORY, os.W_OK | os.X_OK)
    return _SHARED_MEMORY if writable else Path(tempfile.gettempdir())


def _made(place: Path) -> tuple[Path, int]:
    """A new folder, and the lock that says it is in use; made again if somebody thought it left."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        lock = os.open(folder / _IN_USE, _LOOK | os.O_CREAT | os.O_EXCL, 0o600)
        if _is_taken(lock) and (folder / _IN_USE).exists():
            os.set_inheritable(lock, True)
            return folder, lock
        os.close(lock)


def _is_taken(lock: int) -> bool:
    """Whether this process holds the lock from now on."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_left(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        try:
            _remove_if_left(folder)
        except OSError:
            continue  # another one removes it, or it was none of ours


def _remove_if_left(folder: Path) -> None:
    """Remove a folder that only this user may enter and whose lock nobody holds."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        return
    lock = os.open(folder / _IN_USE, _LOOK)
    try:
        if _is_taken(lock):
            shutil.rmtree(folder)
    finally:
        os.close(lock)


def write_private(path: Path, content: bytes) -> None:
    """Make a new file that only this user reads. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)

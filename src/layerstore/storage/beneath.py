"""Opening below one folder, and never outside it.

Every file and folder that the filesystem driver touches is opened here, or by its bare name in a
folder that was opened here. Linux resolves the path itself (openat2) and refuses a symbolic link
that leads out of the root; where that call is missing, each segment is opened by itself and no
symbolic link is followed at all. Paths are those of the contract and were checked against its
grammar. Errors are the operating system's; what they mean is decided in `filesystem.py`.
"""

import ctypes
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, TypeAlias, TypeVar

NAME: Final = "filesystem"

FOLDER_MODE: Final = 0o777
FILE_MODE: Final = 0o666
FOLDER_ATTEMPTS: Final = 3

SMALL_BYTES: Final = 512
"""Files smaller than this, as links are, are read in one go. No more than a page: what the system
keeps in memory of a file, it keeps page by page."""

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
LOOK: Final = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK) | os.O_CLOEXEC
READ: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

_SYS_OPENAT2: Final = 437
_RESOLVE_NO_XDEV: Final = 0x01
_RESOLVE_NO_MAGICLINKS: Final = 0x02
_RESOLVE_BENEATH: Final = 0x08
_RESOLVE_CACHED: Final = 0x20
_BENEATH: Final = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
_IN_MEMORY: Final = _BENEATH | _RESOLVE_CACHED | _RESOLVE_NO_XDEV
_OPEN_ATTEMPTS: Final = 16

ABSENT: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
)
"""What the system says when there is nothing to be read at a path."""

_LOCAL_KINDS: Final = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0xF2F52010,  # F2FS
        0x01021994,  # tmpfs
        0x794C7630,  # overlayfs
    }
)

T = TypeVar("T")


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_waiting = ctypes.CDLL(None, use_errno=True)
_at_once = ctypes.PyDLL(None, use_errno=True)


_OpenAt2: TypeAlias = Callable[[int, int, bytes, _OpenHow, int], int]


def _openat2_of(library: ctypes.CDLL) -> _OpenAt2:
    """The system call (its number, folder, path, how, size of how), arguments declared once."""
    call = library["syscall"]
    call.argtypes = (
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.POINTER(_OpenHow),
        ctypes.c_size_t,
    )
    call.restype = ctypes.c_int
    return call


_open_waiting: Final = _openat2_of(_waiting)
_open_at_once: Final = _openat2_of(_at_once)
_OPEN_HOW_BYTES: Final = ctypes.sizeof(_OpenHow)


@cache
def _how(flags: int, resolve: int) -> _OpenHow:
    return _OpenHow(flags, 0, resolve)


def _openat2(call: _OpenAt2, folder: int, path: str, how: _OpenHow) -> int:
    name = path.encode("utf-8", "surrogateescape")
    number = call(_SYS_OPENAT2, folder, name, how, _OPEN_HOW_BYTES)
    if number < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return number


class Descriptor:
    """An open file or folder: closed by `with`, or when the last one that holds it lets go.

    A thread may still read from it when the task that asked has been cancelled; so nobody closes
    a number that another is using.
    """

    __slots__ = ("_open", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self._open = True

    def __enter__(self) -> int:
        return self.number

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it; once more is no error."""
        if self._open:
            self._open = False
            os.close(self.number)

    def __del__(self) -> None:
        self.close()


def parent(path: str) -> str:
    """The folder of a path; that of a top-level name is `/`."""
    return path.rpartition("/")[0] or "/"


def last_name(path: str) -> str:
    """The last segment of a path."""
    return path.rpartition("/")[2]


def persistently(attempt: Callable[[], T]) -> T:
    """The result of an attempt that makes folders, three times when one of them vanished again."""
    for _ in range(FOLDER_ATTEMPTS):
        try:
            return attempt()
        except FileNotFoundError:
            continue
    raise OSError(errno.ESTALE, "the folder keeps vanishing")


class Tree:
    """The files and folders below one root, which is made if it is missing."""

    def __init__(self, root: Path) -> None:
        make_root(root)
        self._path = root
        self._root = Descriptor(os.open(root, FOLDER))
        self._opened = os.fstat(self._root.number)
        self._resolves = self._can_resolve(_BENEATH)
        self.is_local = _is_local(self._root.number)
        self.device = self._opened.st_dev
        self._tells_cached = (
            self._resolves and self.is_local and self._can_resolve(_BENEATH | _RESOLVE_CACHED)
        )

    def _can_resolve(self, resolve: int) -> bool:
        try:
            os.close(_openat2(_open_waiting, self._root.number, ".", _how(LOOK, resolve)))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of the root. Nothing can be opened afterwards."""
        self._root.close()

    def open(self, path: str, flags: int) -> Descriptor:
        """Open what is there already. A link that leads out is ELOOP."""
        if not self._resolves:
            return self._open_by_segments(path, flags)
        how = _how(flags, _BENEATH)
        for _ in range(_OPEN_ATTEMPTS):
            try:
                return Descriptor(_openat2(_open_waiting, self._root.number, _relative(path), how))
            except (InterruptedError, BlockingIOError):
                continue
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                raise
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def open_cached(self, path: str, flags: int) -> Descriptor | None:
        """Open without waiting for a disk; None when that, or anything unusual, would be needed.

        FileNotFoundError is as good as that of `open`.
        """
        if not self._tells_cached:
            return None
        how = _how(flags, _IN_MEMORY)
        try:
            return Descriptor(_openat2(_open_at_once, self._root.number, _relative(path), how))
        except FileNotFoundError:
            raise
        except OSError:
            return None

    def cached_small(self, path: str) -> bytes | None:
        """The whole content of a small file.

        None when it is longer, or not in memory. Such a read is never cut short by what is not in
        memory, so nobody has to ask for the size. FileNotFoundError is as good as that of `open`;
        any other OSError says no more than None.
        """
        if not self._tells_cached:
            return None
        how = _how(READ, _IN_MEMORY)
        number = _openat2(_open_at_once, self._root.number, _relative(path), how)
        try:
            buffer = bytearray(SMALL_BYTES)
            length = os.preadv(number, [buffer], 0, os.RWF_NOWAIT)
        finally:
            os.close(number)
        return bytes(buffer[:length]) if length < SMALL_BYTES else None

    def _open_by_segments(self, path: str, flags: int) -> Descriptor:
        *folders, name = _relative(path).split("/")
        here = Descriptor(os.dup(self._root.number))
        for folder in folders:
            with here as fd:
                here = Descriptor(os.open(folder, FOLDER | os.O_NOFOLLOW, dir_fd=fd))
        with here as fd:
            return Descriptor(os.open(name, flags | os.O_NOFOLLOW, dir_fd=fd))

    def _check_root(self) -> None:
        try:
            is_same = os.path.samestat(self._path.stat(), self._opened)
        except PermissionError:
            return
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise OSError(errno.ESTALE, "the storage folder was moved, or a disk mounted over it")

    def folder(self, path: str) -> Descriptor:
        """An open folder, to work in by bare names and to be synced."""
        return self.open(path, FOLDER)

    def made_folder(self, path: str, mode: int = FOLDER_MODE) -> Descriptor:
        """The same, made with its parents if it is missing. FileNotFoundError: one vanished.

        ESTALE when the root's name leads to another folder by now, or to none: what is put here
        would be out of sight for whoever opens it next.
        """
        self._check_root()
        missing: list[str] = []
        while True:
            try:
                here = self.folder(path)
                break
            except FileNotFoundError:
                if path == "/":
                    raise
                missing.append(last_name(path))
                path = parent(path)
        for name in reversed(missing):
            with here as fd:
                here = _made_child(fd, name, mode)
        return here


def make_root(root: Path) -> None:
    """Make the root if it is missing, and each folder above it, durably. Raises OSError."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        with Descriptor(os.open(folder.parent, FOLDER)) as above:
            os.fsync(above)


def _made_child(folder: int, name: str, mode: int) -> Descriptor:
    with suppress(FileExistsError):
        os.mkdir(name, mode, dir_fd=folder)
    return Descriptor(os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=folder))


def _relative(path: str) -> str:
    return path[1:] or "."


def _is_local(folder: int) -> bool:
    """Whether an open here asks no other machine (`f_type`, the first word of statfs)."""
    buffer = ctypes.create_string_buffer(256)
    if _waiting.fstatfs(ctypes.c_int(folder), buffer) != 0:
        return False
    return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF in _LOCAL_KINDS

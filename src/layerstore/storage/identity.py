"""Which file it is that a name leads to, now and later.

Asked by a call of its own, since Python's tell no time of birth; and without letting other threads
in between where the system answers from its memory, for there is nothing to wait for.
"""

import ctypes
import os
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

_AT_EMPTY_PATH: Final = 0x1000
_AT_SYMLINK_NOFOLLOW: Final = 0x100
_STATX_BASIC_AND_BTIME: Final = 0xFFF
_STATX: Final = Struct("32x Q 40x q I 44x I I 112x")
"""The words of `struct statx` that are read: inode, time of birth, device."""

_Answer = ctypes.c_char * _STATX.size
_Statx: TypeAlias = Callable[[int, bytes, int, int, "ctypes.Array[ctypes.c_char]"], int]


class Identity(NamedTuple):
    """`birth` in nanoseconds: the number of a removed inode goes to the next one at once."""

    device: int
    inode: int
    birth: int


def _statx_of(library: ctypes.CDLL) -> _Statx | None:
    call = getattr(library, "statx", None)
    if call is not None:
        call.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint,
            _Answer,
        )
        call.restype = ctypes.c_int
    return call


_at_once: Final = _statx_of(ctypes.PyDLL(None))
_waiting: Final = _statx_of(ctypes.CDLL(None))


def identity(file: int, name: str = "", *, at_once: bool) -> Identity:
    """That of an open file, or of a name in an open folder. Raises OSError.

    `at_once` where the answer takes no disk and no other machine; everybody waits for it.
    """
    call = _at_once if at_once else _waiting
    flags = _AT_SYMLINK_NOFOLLOW if name else _AT_EMPTY_PATH
    answer = _Answer()
    if call is None or call(file, os.fsencode(name), flags, _STATX_BASIC_AND_BTIME, answer) != 0:
        found = os.lstat(name, dir_fd=file) if name else os.fstat(file)  # or an error that says why
        return Identity(found.st_dev, found.st_ino, 0)
    inode, seconds, nanoseconds, major, minor = _STATX.unpack(answer)
    return Identity(os.makedev(major, minor), inode, seconds * 1_000_000_000 + nanoseconds)

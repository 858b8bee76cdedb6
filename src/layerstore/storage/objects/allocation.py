"""Memory that is given back: large pieces come and go, and what is freed must not stay.

glibc keeps what was freed in the hope of more of its size, so that a process which saw a hundred
uploads at once never shrinks again. With fixed limits large pieces go back to the system at once.
"""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 512 * 1024
"""Bytes from which on a piece is the system's own, not glibc's."""


def give_back_early() -> None:
    """From now on, in this process. Where the C library cannot do it, nothing changes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)

"""What the C library does with memory that is free again; nothing where it is another one.

Bodies pass through a worker in pieces of up to 2 MiB, made in one thread and let go of in another.
By its defaults glibc asks the kernel for the memory of nearly each of them and gives it back: a
quarter of the processor time of a push of 1 GB went into empty pages (docs/decisions/0005).
"""

import ctypes
import os
from typing import Final

KEPT_BYTES: Final = 4 * 1024 * 1024
"""Free bytes at the end of a heap that are kept for the next piece."""

OF_ITS_OWN_BYTES: Final = 4 * 1024 * 1024
"""What is at least as large is asked for by itself, and given back at once."""

HEAPS: Final = 2
"""By default there may be eight for each core, and what is free in one is of no use to others."""

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

_SETTINGS: Final = {
    "MALLOC_TRIM_THRESHOLD_": (_TRIM_THRESHOLD, KEPT_BYTES),
    "MALLOC_MMAP_THRESHOLD_": (_MMAP_THRESHOLD, OF_ITS_OWN_BYTES),
    "MALLOC_ARENA_MAX": (_ARENA_MAX, HEAPS),
}


def keep_pieces() -> None:
    """Let memory of pieces be used again, unless the environment says what glibc should do."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in os.environ for name in _SETTINGS):
        return
    for parameter, value in _SETTINGS.values():
        mallopt(ctypes.c_int(parameter), ctypes.c_int(value))

"""What the C library is told about memory, seen in what it asks the kernel for."""

import ctypes
import os
import subprocess
import sys

import pytest

from layerstore.cli.allocation import OF_ITS_OWN_BYTES

STORY = """
import ctypes, sys
from layerstore.cli.allocation import keep_pieces

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
        "fordblks", "keepcost")]

library = ctypes.CDLL(None)
library.mallinfo2.restype = Info
if sys.argv[1] == "told":
    keep_pieces()
before = library.mallinfo2().hblkhd
piece = bytes(int(sys.argv[2]))
print(library.mallinfo2().hblkhd - before)
"""

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library tells nothing"
)


def asked_for_by_itself(size: int, told: str, **environment: str) -> bool:
    """Whether memory for so many bytes came from the kernel for this alone."""
    command = [sys.executable, "-c", STORY, told, str(size)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    told_of = subprocess.run(command, check=True, capture_output=True, env=clean | environment)
    return int(told_of.stdout) >= size


def test_a_piece_comes_from_memory_that_is_kept() -> None:
    assert not asked_for_by_itself(OF_ITS_OWN_BYTES // 2, "told")
    assert asked_for_by_itself(OF_ITS_OWN_BYTES // 2, "not told")


def test_what_is_larger_than_any_piece_goes_back_at_once() -> None:
    assert asked_for_by_itself(2 * OF_ITS_OWN_BYTES, "told")


def test_who_has_told_the_library_already_is_left_alone() -> None:
    assert asked_for_by_itself(OF_ITS_OWN_BYTES // 2, "told", MALLOC_ARENA_MAX="4")

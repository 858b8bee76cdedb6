"""How large parts are. Some stores want parts of one size, and none takes more than 10,000."""

from typing import Final

PARTS_MAX: Final = 10_000
PART_BYTES_MIN: Final = 5 * 1024 * 1024
"""Bytes of every part but the last."""

PART_BYTES_MAX: Final = 5 * 1024**3
COPY_BYTES_MAX: Final = 5 * 1024**3
"""Bytes of an object that can be copied in one request."""

EQUAL_PARTS: Final = 7_000
"""Parts of one size; so much that only layers beyond 68 GiB, with parts of 10 MiB, have others."""

DOUBLED_EVERY: Final = 240
_MIB: Final = 1024 * 1024


def part_bytes(number: int, first: int) -> int:
    """Bytes of the part of that number, when the first has so many.

    Growing parts reach the largest object that there is, whatever the first size.
    """
    if number <= EQUAL_PARTS:
        return first
    doublings = (number - EQUAL_PARTS - 1) // DOUBLED_EVERY + 1
    return min(PART_BYTES_MAX, first << doublings)


def copied_part_bytes(size: int, wanted: int) -> int:
    """Bytes of the parts in which an object of that size is copied: whole MiB."""
    needed = -(-size // PARTS_MAX)
    return max(wanted, PART_BYTES_MIN, -(-needed // _MIB) * _MIB)

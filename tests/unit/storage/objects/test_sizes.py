"""Parts are equal as long as they can be, and enough for the largest object there is."""

import pytest

from layerstore.storage.objects.sizes import (
    COPY_BYTES_MAX,
    EQUAL_PARTS,
    PART_BYTES_MAX,
    PART_BYTES_MIN,
    PARTS_MAX,
    copied_part_bytes,
    part_bytes,
)

MIB = 1024 * 1024
LARGEST = 5 * 1024**4
"""Bytes of the largest object that Amazon takes."""


@pytest.mark.parametrize("first", [5 * MIB, 10 * MIB, 100 * MIB, 5 * 1024 * MIB])
def test_ten_thousand_parts_hold_the_largest_object(first: int) -> None:
    sizes = [part_bytes(number, first) for number in range(1, PARTS_MAX + 1)]
    assert sizes[:EQUAL_PARTS] == [first] * EQUAL_PARTS
    assert sizes == sorted(sizes)
    assert max(sizes) <= PART_BYTES_MAX
    assert sum(sizes) >= LARGEST


@pytest.mark.parametrize("size", [1, 32 * MIB, 6 * 1024 * MIB, COPY_BYTES_MAX * 200, LARGEST])
def test_a_copy_has_parts_enough(size: int) -> None:
    part = copied_part_bytes(size, 32 * MIB)
    assert part >= PART_BYTES_MIN
    assert part % MIB == 0
    assert -(-size // part) <= PARTS_MAX

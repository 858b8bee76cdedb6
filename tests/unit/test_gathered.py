"""Chunks that become one piece, and what they weigh meanwhile."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.gathered import SMALL_BYTES, Gathered

SIZES = st.sampled_from([0, 1, 2, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1])


@given(st.lists(st.tuples(SIZES, st.booleans()), max_size=30))
def test_the_bytes_come_out_as_they_went_in(steps: list[tuple[int, bool]]) -> None:
    gathered, expected = Gathered(), b""
    for number, (size, is_taken) in enumerate(steps):
        chunk = bytes([number]) * size
        gathered.add(chunk)
        expected += chunk
        assert gathered.size == len(expected)
        if is_taken:
            assert gathered.take() == expected
            expected = b""
            assert gathered.size == 0
    assert gathered.take() == expected


def test_one_chunk_is_not_copied() -> None:
    gathered, chunk = Gathered(), bytes(SMALL_BYTES)
    gathered.add(chunk)
    assert gathered.take() is chunk


@pytest.mark.parametrize("size", [2, SMALL_BYTES - 1, SMALL_BYTES])
def test_small_chunks_weigh_little_more_than_their_bytes(size: int) -> None:
    """Two bytes took sixty, for each of as many senders as liked to."""
    gathered, whole = Gathered(), 256 * 1024
    tracemalloc.start()
    try:
        for number in range(whole // size):
            gathered.add(number.to_bytes(4, "big")[-2:] * (size // 2) + bytes(size % 2))
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1.3 * whole
    assert most < 2.5 * whole

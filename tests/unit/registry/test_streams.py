"""Bytes on their way: gathered, and what becomes of them when their sender breaks off."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from sys import getrefcount

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest, Verifier
from layerstore.oci.hashstate import new_hasher
from layerstore.registry.streams import (
    GATHERED_BYTES,
    HASHED_AT_ONCE_BYTES,
    PIECE_BYTES,
    PIECE_BYTES_MIN,
    WORTH_GATHERING_BYTES,
    Sharing,
    hashed,
    pieces,
    verified,
)
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.metered import MeteredDriver

ALONE = 2
"""References to what a variable holds, as `getrefcount` counts: its own is one."""


class BrokeOff(Exception):
    """The sender is gone."""


async def breaking(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise BrokeOff


@pytest.fixture
def collecting() -> Iterator[None]:
    """Nothing is collected meanwhile but what nobody refers to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_arrived_before_the_end_is_given_out_first() -> None:
    given: list[bytes] = []

    async def story() -> None:
        async for piece in pieces(breaking(b"a" * PIECE_BYTES, b"b", b"c")):
            given.append(piece)  # noqa: PERF401  # a comprehension would lose all to the error

    with pytest.raises(BrokeOff):
        asyncio.run(story())
    assert given == [b"a" * PIECE_BYTES, b"bc"]


def test_nobody_is_given_a_part_of_what_has_to_be_whole() -> None:
    """To hash half a body for nothing is most of what one that breaks off costs."""
    given: list[bytes] = []

    async def story() -> None:
        verifier = Verifier(Digest.of(b""), new_hasher())
        async for piece in verified(breaking(b"a" * PIECE_BYTES, b"b"), verifier):
            given.append(piece)  # noqa: PERF401  # a comprehension would lose all to the error

    with pytest.raises(BrokeOff):
        asyncio.run(story())
    assert given == [b"a" * PIECE_BYTES]


@pytest.mark.usefixtures("collecting")
def test_an_error_keeps_nothing_alive_once_it_is_told() -> None:
    """Two hundred senders that broke off held half a GiB of memory."""
    kept = asyncio.run(told(b"a" * 1000))
    assert kept() is None


async def told(*chunks: bytes) -> weakref.ref[BrokeOff]:
    verifier = Verifier(Digest.of(b""), new_hasher())
    try:
        async for _ in verified(breaking(*chunks), verifier):
            pass
    except BrokeOff as error:
        return weakref.ref(error)
    raise AssertionError("it ended well")


async def repeated(chunk: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield chunk


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        (1, PIECE_BYTES),
        (GATHERED_BYTES // PIECE_BYTES, PIECE_BYTES),
        (GATHERED_BYTES // WORTH_GATHERING_BYTES, WORTH_GATHERING_BYTES),
        (GATHERED_BYTES // WORTH_GATHERING_BYTES + 1, PIECE_BYTES_MIN),
        (1000, PIECE_BYTES_MIN),
    ],
)
def test_where_many_gather_the_pieces_are_smaller(bodies: int, expected: int) -> None:
    sharing = Sharing()

    async def story() -> list[int]:
        with ExitStack() as others:
            for _ in range(bodies - 1):
                others.enter_context(sharing.body())
            chunks = repeated(bytes(1000), 5000)
            return [len(piece) async for piece in pieces(chunks, sharing)]

    sizes = asyncio.run(story())
    assert sum(sizes) == 5_000_000
    assert {expected <= size < expected + 1000 for size in sizes[:-1]} <= {True}


def test_who_is_done_gathering_leaves_the_room_to_others() -> None:
    sharing = Sharing()

    async def story() -> None:
        for chunks in (repeated(b"some", 3), breaking(b"broke off")):
            with suppress(BrokeOff):
                assert [piece async for piece in pieces(chunks, sharing)]
        abandoned = pieces(repeated(bytes(PIECE_BYTES), 3), sharing)
        await anext(abandoned)
        await abandoned.aclose()

    asyncio.run(story())
    with sharing.body():
        assert sharing.piece_bytes == PIECE_BYTES


@pytest.mark.parametrize("size", [1, HASHED_AT_ONCE_BYTES, HASHED_AT_ONCE_BYTES + 1, PIECE_BYTES])
def test_a_hash_takes_chunks_of_any_size(size: int) -> None:
    content, hasher = bytes(range(1, 256)) * (size // 255 + 1), new_hasher()

    async def story() -> list[bytes]:
        return [chunk async for chunk in hashed(repeated(content[:size], 3), hasher)]

    assert asyncio.run(story()) == [content[:size]] * 3
    assert hasher.digest() == Digest.of(content[:size] * 3)


def test_nothing_that_was_written_is_held_while_the_next_bytes_are_on_their_way(
    tmp_path: Path,
) -> None:
    """Sixteen pushes held two or three pieces each."""

    async def source() -> AsyncIterator[bytes]:
        for number in range(3):
            chunk = bytes([number]) * PIECE_BYTES
            yield chunk
            async with asyncio.timeout(10):
                while getrefcount(chunk) > ALONE:  # a thread lets go of it in its own time
                    await asyncio.sleep(0)

    async def story() -> None:
        clock = SystemClock()
        driver = MeteredDriver(FilesystemDriver(tmp_path, clock), clock, lambda *_: None)
        await driver.begin("/data")
        await driver.append("/data", 0, hashed(pieces(source()), new_hasher()))

    asyncio.run(story())

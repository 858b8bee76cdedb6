"""Bytes on their way: gathered, and what becomes of them when their sender breaks off."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator

import pytest

from layerstore.oci.digest import Digest, Verifier
from layerstore.oci.hashstate import new_hasher
from layerstore.registry.streams import PIECE_BYTES, pieces, verified


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

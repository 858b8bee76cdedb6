"""Comparisons, off the loop and few at a time."""

import asyncio
from collections.abc import Iterator

import bcrypt
import pytest

from layerstore.auth.compares import WAITING_MAX, Compares
from layerstore.oci.errors import TooManyRequests

HASH = bcrypt.hashpw(b"secret", bcrypt.gensalt(4))


@pytest.fixture
def compares() -> Iterator[Compares]:
    compares = Compares(1)
    yield compares
    compares.close()


async def test_what_fits_fits(compares: Compares) -> None:
    assert await compares.matches(b"1", b"secret", HASH)
    assert not await compares.matches(b"2", b"other", HASH)


async def test_the_loop_goes_on_meanwhile(compares: Compares) -> None:
    slow = bcrypt.gensalt(9)
    comparing = asyncio.ensure_future(
        compares.matches(b"1", b"x", slow + bcrypt.hashpw(b"y", slow)[len(slow) :])
    )
    turns = 0
    while not comparing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert not await comparing


async def test_one_comparison_answers_all_who_want_it(compares: Compares) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(compares.matches(b"1", b"secret", HASH))
            for _ in range(3 * WAITING_MAX)
        ]
    assert all(task.result() for task in asked)
    assert not compares.under_way(b"1")


async def test_more_than_can_wait_are_refused(compares: Compares) -> None:
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(compares.matches(bytes([number]), b"secret", HASH))
            for number in range(WAITING_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await compares.matches(b"one more", b"secret", HASH)
    assert all(task.result() for task in asked)
    assert await compares.matches(b"one more", b"secret", HASH)


async def test_who_gives_up_stops_nobody_else(compares: Compares) -> None:
    first = asyncio.ensure_future(compares.matches(b"1", b"secret", HASH))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(compares.matches(b"1", b"secret", HASH))
    await asyncio.sleep(0)
    first.cancel()
    assert await second

"""One process of all instances holds a name at a time, and nobody's death holds it for ever."""

import asyncio

import pytest

from layerstore.storage.objects.claims import (
    ABANDONED_S,
    FOLDER,
    LEFT_BEHIND,
    WAIT_S,
    Claimed,
    Claims,
)
from layerstore.storage.objects.store import Body, ConditionFailed
from tests.fakes import FakeClock
from tests.memory_objects import MemoryObjects


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def objects(clock: FakeClock) -> MemoryObjects:
    return MemoryObjects(clock)


def test_two_instances_never_hold_one_name(clock: FakeClock, objects: MemoryObjects) -> None:
    holding, order = [0], []

    async def work(claims: Claims, who: str) -> None:
        async with claims.hold("app:v1"):
            holding[0] += 1
            assert holding == [1]
            for _ in range(3):
                await asyncio.sleep(0)
            order.append(who)
            holding[0] -= 1

    async def story() -> None:
        one, two = Claims(objects, "root/", clock), Claims(objects, "root/", clock)
        await asyncio.gather(*(work(place, name) for place, name in ((one, "a"), (two, "b")) * 2))

    asyncio.run(story())
    assert sorted(order) == ["a"] * 2 + ["b"] * 2
    assert objects.contents == {}


def test_different_names_do_not_wait_for_each_other(
    clock: FakeClock, objects: MemoryObjects
) -> None:
    async def story() -> None:
        claims = Claims(objects, "", clock)
        async with claims.hold("app:v1"), claims.hold("app:v2"), claims.hold("ap:pv1"):
            assert len(objects.contents) == 3

    asyncio.run(story())


def test_who_waits_too_long_is_told(clock: FakeClock, objects: MemoryObjects) -> None:
    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            began = clock.monotonic()
            with pytest.raises(Claimed):
                async with Claims(objects, "", clock).hold("app:v1"):
                    pass
            assert WAIT_S <= clock.monotonic() - began < 2 * WAIT_S

    asyncio.run(story())


def test_what_the_dead_held_is_taken_over(clock: FakeClock, objects: MemoryObjects) -> None:
    async def story() -> None:
        dead = Claims(objects, "", clock).hold("app:v1")
        await dead.__aenter__()
        living = Claims(objects, "", clock)
        with pytest.raises(Claimed):
            await living.hold("app:v1").__aenter__()
        clock.pass_time(ABANDONED_S)
        async with living.hold("app:v1"):
            pass

    asyncio.run(story())
    assert objects.contents == {}


def test_a_lost_answer_is_no_stranger(clock: FakeClock) -> None:
    class Losing(MemoryObjects):
        async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
            await super().put(key, body, condition)
            raise ConditionFailed

    async def story() -> None:
        began = clock.monotonic()
        async with Claims(Losing(clock), "", clock).hold("app:v1"):
            assert clock.monotonic() == began

    asyncio.run(story())


def test_what_was_left_behind_long_ago_is_cleared(clock: FakeClock, objects: MemoryObjects) -> None:
    async def story() -> None:
        await objects.put(f"root/{FOLDER}old", b"")
        clock.pass_time(LEFT_BEHIND.total_seconds() + 1)
        await objects.put(f"root/{FOLDER}new", b"")
        await Claims(objects, "root/", clock).clear()

    asyncio.run(story())
    assert set(objects.contents) == {f"root/{FOLDER}new"}

"""One process of all instances holds a name at a time, and nobody's death holds it for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.objects import claims
from layerstore.storage.objects.claims import (
    ABANDONED_S,
    FOLDER,
    LEFT_BEHIND,
    Claimed,
    Claims,
    HeldTooLong,
)
from layerstore.storage.objects.store import ABSENT, Body, ConditionFailed
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


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second takes five milliseconds."""
    for name in (
        "RENEW_S",
        "RENEW_PAUSE_S",
        "LOST_S",
        "ABANDONED_S",
        "WAIT_S",
        "FIRST_PAUSE_S",
        "PAUSE_MAX_S",
    ):
        monkeypatch.setattr(claims, name, getattr(claims, name) / 200)


@pytest.mark.usefixtures("haste")
def test_who_waits_too_long_is_told(clock: FakeClock, objects: MemoryObjects) -> None:
    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            with pytest.raises(Claimed):
                await Claims(objects, "", clock).hold("app:v1").__aenter__()

    asyncio.run(story())


async def die_with(objects: MemoryObjects, name: str) -> None:
    """Leave a claim behind, as a process does that is killed."""
    async with Claims(objects, "", FakeClock()).hold(name):
        kept = dict(objects.contents)
    for key, content in kept.items():
        await objects.put(key, content)


@pytest.mark.usefixtures("haste")
def test_what_the_dead_held_is_taken_over_by_who_watches_it(
    clock: FakeClock, objects: MemoryObjects
) -> None:
    async def story() -> None:
        await die_with(objects, "app:v1")
        async with Claims(objects, "", clock).hold("app:v1"):
            pass

    asyncio.run(story())
    assert objects.contents == {}


def test_what_the_dead_held_long_ago_is_taken_over_at_once(
    clock: FakeClock, objects: MemoryObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "WAIT_S", 0)

    async def story() -> None:
        await die_with(objects, "app:v1")
        clock.pass_time(ABANDONED_S)
        async with Claims(objects, "", clock).hold("app:v1"):
            pass

    asyncio.run(story())
    assert objects.contents == {}


@pytest.mark.usefixtures("haste")
def test_a_claim_is_written_again_while_it_is_held(
    clock: FakeClock, objects: MemoryObjects
) -> None:
    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            seen = set(objects.contents.values())
            while len(seen) < 4:
                await asyncio.sleep(0.001)
                seen |= set(objects.contents.values())

    asyncio.run(story())
    assert objects.contents == {}


async def hold_for_ever(ours: Claims, then: Callable[[], Awaitable[None]]) -> None:
    async with ours.hold("app:v1"):
        await then()
        await asyncio.get_running_loop().create_future()


@pytest.mark.usefixtures("haste")
def test_what_is_done_under_a_claim_that_was_taken_over_is_broken_off(
    clock: FakeClock, objects: MemoryObjects
) -> None:
    async def take_over() -> None:
        (key,) = objects.contents
        await objects.put(key, b"another one's")

    async def story() -> None:
        with pytest.raises(HeldTooLong):
            await hold_for_ever(Claims(objects, "", clock), take_over)

    asyncio.run(story())
    assert list(objects.contents.values()) == [b"another one's"]


@pytest.mark.usefixtures("haste")
def test_what_is_done_while_the_store_takes_nothing_is_broken_off(clock: FakeClock) -> None:
    class Mortal(MemoryObjects):
        is_dead = False

        async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
            if self.is_dead:
                raise StorageUnavailable("memory", key, "dead")
            return await super().put(key, body, condition)

    objects = Mortal(clock)

    async def die() -> None:
        objects.is_dead = True

    async def story() -> None:
        with pytest.raises(HeldTooLong):
            await hold_for_ever(Claims(objects, "", clock), die)

    asyncio.run(story())


class Slow(MemoryObjects):
    """Keeps at once what is put, and says so so many seconds later."""

    seconds = 0.0

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        etag = await super().put(key, body, condition)
        await asyncio.sleep(self.seconds)
        return etag


@pytest.mark.usefixtures("haste")
def test_a_slow_store_breaks_nothing_off(clock: FakeClock) -> None:
    objects = Slow(clock)
    objects.seconds = claims.LOST_S * 0.3

    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            seen = set(objects.contents.values())
            while len(seen) < 6:
                await asyncio.sleep(0.001)
                seen |= set(objects.contents.values())

    asyncio.run(story())
    assert objects.contents == {}


@pytest.mark.usefixtures("haste")
def test_a_claim_whose_answer_came_too_late_is_not_believed(clock: FakeClock) -> None:
    objects = Slow(clock)
    objects.seconds = claims.LOST_S * 1.1

    async def story() -> None:
        with pytest.raises(Claimed):
            await Claims(objects, "", clock).hold("app:v1").__aenter__()

    asyncio.run(story())


def test_a_holder_that_was_stopped_takes_no_other_ones_claim_away(
    clock: FakeClock, objects: MemoryObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_stopped() -> None:
        (key,) = objects.contents
        await objects.put(key, b"another one's")
        now = asyncio.get_running_loop().time()
        monkeypatch.setattr(claims, "_now", lambda: now + claims.LOST_S)

    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            await be_stopped()

    with pytest.raises(HeldTooLong):
        asyncio.run(story())
    assert list(objects.contents.values()) == [b"another one's"]


@pytest.mark.usefixtures("haste")
def test_an_answer_lost_while_it_is_written_again_changes_nothing(clock: FakeClock) -> None:
    class Losing(MemoryObjects):
        lost = 0

        async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
            etag = await super().put(key, body, condition)
            if condition == ABSENT:
                return etag
            self.lost += 1
            raise ConditionFailed

    objects = Losing(clock)

    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            while objects.lost < 3:
                await asyncio.sleep(0.001)

    asyncio.run(story())
    assert objects.contents == {}


def test_a_lost_answer_is_no_stranger(clock: FakeClock) -> None:
    class Losing(MemoryObjects):
        has_lost = False

        async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
            etag = await super().put(key, body, condition)
            if self.has_lost:
                return etag
            self.has_lost = True
            raise ConditionFailed

    objects = Losing(clock)

    async def story() -> None:
        async with Claims(objects, "", clock).hold("app:v1"):
            assert len(objects.contents) == 1

    asyncio.run(story())
    assert objects.contents == {}


def test_what_was_left_behind_long_ago_is_cleared(clock: FakeClock, objects: MemoryObjects) -> None:
    async def story() -> None:
        await objects.put(f"root/{FOLDER}old", b"")
        clock.pass_time(LEFT_BEHIND.total_seconds() + 1)
        await objects.put(f"root/{FOLDER}new", b"")
        await Claims(objects, "root/", clock).clear()

    asyncio.run(story())
    assert set(objects.contents) == {f"root/{FOLDER}new"}

"""One process does the duties, each at its time, whatever breaks."""

import asyncio
import logging
from pathlib import Path

import pytest

from layerstore.upkeep.duties import FIRST_WITHIN_S, INTERVAL_MIN_S, Duty, Upkeep
from layerstore.upkeep.post import Post
from tests.edge import until
from tests.fakes import FakeClock

DAY_S = 24 * 60 * 60.0
NOBODY = Post(None)


class Enough(Exception):
    """A duty was done as often as a test wants to see."""


class Turns:
    """Something to do, which remembers when it was done."""

    def __init__(self, clock: FakeClock, enough: int = 1_000_000) -> None:
        self.moments: list[float] = []
        self._clock = clock
        self._enough = enough
        self.reached = asyncio.Event()

    async def __call__(self) -> None:
        self.moments.append(self._clock.monotonic())
        if len(self.moments) >= self._enough:
            self.reached.set()
            await asyncio.Event().wait()


async def turns(interval_s: float, count: int = 4, seed: int = 0) -> list[float]:
    """When a duty of that interval has its first turns."""
    clock = FakeClock(seed)
    seen = Turns(clock, count)
    upkeep = Upkeep([Duty("counting", seen, interval_s)], NOBODY, clock)
    upkeep.start()
    await seen.reached.wait()
    await upkeep.stop()
    return seen.moments


async def test_a_duty_comes_up_within_an_hour_and_then_at_each_interval() -> None:
    first, *others = await turns(DAY_S)
    assert 0 < first < FIRST_WITHIN_S
    assert others == [first + DAY_S, first + 2 * DAY_S, first + 3 * DAY_S]


async def test_servers_do_not_begin_at_one_moment() -> None:
    assert len({(await turns(DAY_S, seed=seed))[0] for seed in range(20)}) == 20


async def test_a_short_interval_is_not_waited_for_longer_than_it_is() -> None:
    first, second, *_ = await turns(10)
    assert first < 10
    assert second == first + 10


@pytest.mark.parametrize("interval_s", [0.0, -5.0, 0.001])
async def test_no_interval_keeps_a_process_busy(interval_s: float) -> None:
    first, second, *_ = await turns(interval_s)
    assert second - first == pytest.approx(INTERVAL_MIN_S)


async def test_a_duty_that_fails_is_told_and_has_its_next_turn_and_so_have_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    other = Turns(clock, 3)
    attempts: list[float] = []

    async def failing() -> None:
        attempts.append(clock.monotonic())
        raise RuntimeError("the reason")

    duties = [Duty("failing", failing, 100), Duty("counting", other, 100)]
    upkeep = Upkeep(duties, NOBODY, clock)
    upkeep.start()
    await other.reached.wait()
    await upkeep.stop()
    assert len(attempts) >= 2
    assert caplog.messages[0] == "failing failed and will be tried again"
    assert "the reason" in caplog.text


async def test_stopping_breaks_off_what_is_being_done() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def endless() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    upkeep = Upkeep([Duty("endless", endless, 1)], NOBODY, FakeClock())
    upkeep.start()
    await began.wait()
    await upkeep.stop()
    assert ended.is_set()
    await upkeep.stop()


async def test_of_two_that_share_a_lock_one_works_and_the_other_follows_it(
    tmp_path: Path,
) -> None:
    lock = tmp_path / "locks" / "upkeep"
    clocks = FakeClock(1), FakeClock(2)
    first, second = (Turns(clock) for clock in clocks)
    one, two = (
        Upkeep([Duty("counting", seen, 10)], Post(lock), clock)
        for seen, clock in zip((first, second), clocks, strict=True)
    )
    one.start()
    await until(lambda: bool(first.moments), "the first one works")
    two.start()
    await until(lambda: clocks[1].monotonic() > 60, "the second one has looked often")
    assert second.moments == []
    await one.stop()
    done = len(first.moments)
    await until(lambda: bool(second.moments), "the second one works")
    assert len(first.moments) == done
    await two.stop()


async def test_where_no_process_sees_another_each_works() -> None:
    clock = FakeClock()
    seen = [Turns(clock, 1), Turns(clock, 1)]
    both = [Upkeep([Duty("counting", each, 10)], Post(None), clock) for each in seen]
    for upkeep in both:
        upkeep.start()
    await asyncio.gather(*(each.reached.wait() for each in seen))
    for upkeep in both:
        await upkeep.stop()


async def test_a_lock_that_cannot_be_had_is_told_once_and_asked_for_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "locks").write_bytes(b"")
    clock = FakeClock()
    seen = Turns(clock, 1)
    upkeep = Upkeep([Duty("counting", seen, 10)], Post(tmp_path / "locks" / "upkeep"), clock)
    upkeep.start()
    await until(lambda: clock.monotonic() > 60, "it was asked for often")
    assert seen.moments == []
    (tmp_path / "locks").unlink()
    await seen.reached.wait()
    await upkeep.stop()
    assert len(caplog.messages) == 1
    assert caplog.records[0].levelno == logging.WARNING


async def test_without_duties_nothing_is_locked(tmp_path: Path) -> None:
    upkeep = Upkeep([], Post(tmp_path / "locks" / "upkeep"), FakeClock())
    upkeep.start()
    await upkeep.stop()
    assert list(tmp_path.iterdir()) == []

"""Who says nothing for too long, in time that this process ran."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from layerstore.web.incoming import IncomingBody
from layerstore.web.silence import TICKS, Listening, Silence
from tests.fakes import FakeClock


class StoppableLoop(asyncio.SelectorEventLoop):
    """A loop whose process was stopped for `stopped_s` seconds in all."""

    stopped_s = 0.0

    def time(self) -> float:
        return super().time() + self.stopped_s


def run(story: Callable[[StoppableLoop], Awaitable[None]]) -> None:
    async def tell() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StoppableLoop)
        await story(loop)

    with asyncio.Runner(loop_factory=StoppableLoop) as runner:
        runner.run(tell())


async def some_turns() -> None:
    """Time for timers that are due."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_silence_for_too_long_is_told() -> None:
    with pytest.raises(TimeoutError):
        async with Silence(0.01):
            await asyncio.get_running_loop().create_future()


async def test_who_speaks_in_time_is_heard() -> None:
    async with Silence(30.0) as silence:
        await some_turns()
    assert silence.most_s == 30.0 / TICKS


def test_a_stop_however_long_is_one_tick_of_silence() -> None:
    async def story(loop: StoppableLoop) -> None:
        async with Silence(40.0) as silence:
            for count in range(1, TICKS):
                loop.stopped_s += 3600
                await some_turns()
                assert silence.most_s == (count + 1) * 10.0

    run(story)


def test_the_ticks_together_are_the_whole_time() -> None:
    async def story(loop: StoppableLoop) -> None:
        async def silent_turns() -> None:
            async with Silence(40.0):
                for _ in range(TICKS):
                    loop.stopped_s += 10.1
                    await some_turns()

        with pytest.raises(TimeoutError):
            await silent_turns()

    run(story)


async def listened(listening: Listening, sound: Awaitable[object]) -> str:
    listening.begin()
    try:
        await sound
    except asyncio.CancelledError:
        if listening.gave_up():
            return "gave up"
        raise
    finally:
        listening.end()
    return "heard"


async def test_a_listener_gives_up_and_its_task_goes_on() -> None:
    listening = Listening(0.01)
    assert await listened(listening, asyncio.get_running_loop().create_future()) == "gave up"
    await some_turns()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


def test_a_listener_waits_for_each_word_anew() -> None:
    async def story(loop: StoppableLoop) -> None:
        async def word_after(ticks: int) -> None:
            for _ in range(ticks):
                loop.stopped_s += 10.1
                await some_turns()

        listening = Listening(40.0)
        for _ in range(3):
            assert await listened(listening, word_after(TICKS)) == "heard"
            await word_after(2 * TICKS)  # nobody waits meanwhile
        assert await listened(listening, word_after(TICKS + 1)) == "gave up"

    run(story)


def test_no_timer_is_left_when_nobody_listens_any_more() -> None:
    async def story(loop: StoppableLoop) -> None:
        listening = Listening(40.0)
        assert await listened(listening, some_turns()) == "heard"
        kept = weakref.ref(listening)
        del listening
        loop.stopped_s += 10.1
        await some_turns()
        assert kept() is None

    run(story)


def test_who_is_cancelled_by_another_while_listening_is_not_told_of_silence() -> None:
    async def story(loop: StoppableLoop) -> None:
        listening = Listening(40.0)
        waiting = loop.create_task(listened(listening, loop.create_future()))
        for _ in range(TICKS):
            await some_turns()
            loop.stopped_s += 10.1
        await some_turns()
        loop.stopped_s += 10.1
        loop.call_later(0, waiting.cancel)  # in the turn in which it would give up
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(story)


def test_a_stop_takes_nothing_from_the_senders_of_bodies() -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
    ]

    async def story(loop: StoppableLoop) -> None:
        clock = FakeClock()

        async def receive() -> dict[str, Any]:
            loop.stopped_s += 3600
            clock.pass_time(3600)
            await some_turns()
            return messages.pop(0)

        body = IncomingBody(receive, 2, clock, progress_s=30.0, rate_min=1, rate_window_s=60.0)
        assert [piece async for piece in body] == [b"a", b"b"]

    run(story)

"""Steps that hang, and others that want a thread meanwhile."""

from __future__ import annotations

import asyncio
import errno
import gc
import weakref
from contextlib import suppress
from threading import Event

import pytest

from layerstore.storage.threads import Threads

SHORT_S = 0.02


def test_a_step_runs_and_its_result_and_its_error_come_back() -> None:
    async def story() -> None:
        threads = Threads(2, "test")
        assert await threads.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.run(divmod, 7, 0)
        threads.close()

    asyncio.run(story())


def test_an_error_holds_nothing_that_the_step_had_open() -> None:
    """Neither itself: what a failed step had open is closed at once, not when somebody tidies."""

    class Open:
        pass

    async def story() -> None:
        threads, there = Threads(1, "test"), list[weakref.ref[Open]]()

        def fail() -> None:
            opened = Open()
            there.append(weakref.ref(opened))
            raise OSError(errno.EIO, "broken")

        gc.disable()
        try:
            with suppress(OSError):
                await threads.run(fail)
            await threads.run(int)
            assert there[0]() is None
        finally:
            gc.enable()
        threads.close()

    asyncio.run(story())


def test_who_finds_every_thread_hanging_is_told_and_its_step_is_never_done() -> None:
    async def story() -> None:
        threads, over, done = Threads(2, "test", SHORT_S), Event(), list[str]()
        hanging = [asyncio.ensure_future(threads.run(over.wait, 60)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="unavailable") as error:
            await threads.run(done.append, "late")
        assert error.value.errno == errno.EAGAIN
        over.set()
        assert await asyncio.gather(*hanging) == [True, True]
        await threads.run(done.append, "afterwards")
        assert done == ["afterwards"]
        threads.close()

    asyncio.run(story())


def test_a_step_that_has_begun_is_waited_for() -> None:
    async def story() -> None:
        threads, over = Threads(1, "test", SHORT_S), Event()
        hanging = asyncio.ensure_future(threads.run(over.wait, 60))
        patient = Threads(1, "test", 60)
        await asyncio.sleep(0)
        await patient.run(over.set)
        assert await hanging
        for each in (threads, patient):
            each.close()

    asyncio.run(story())


def test_the_error_of_a_step_whose_caller_left_its_turn_troubles_nobody() -> None:
    troubles: list[object] = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: troubles.append(what))
        threads, over, begun = Threads(1, "test", 60), Event(), Event()

        def fail() -> None:
            begun.set()
            over.wait(60)
            raise OSError(errno.EIO, "broken")

        first = asyncio.ensure_future(threads.run(int))
        waiting = asyncio.ensure_future(threads.run(fail))
        await asyncio.sleep(0)
        begun.wait(60)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        over.set()
        await first
        await threads.run(int)
        del waiting
        gc.collect()
        threads.close()

    asyncio.run(story())
    assert troubles == []


def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    async def story() -> None:
        threads, over, done = Threads(1, "test", 60), Event(), list[str]()
        hanging = asyncio.ensure_future(threads.run(over.wait, 60))
        await asyncio.sleep(0)
        waiting = asyncio.ensure_future(threads.run(done.append, "cancelled"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        over.set()
        await hanging
        await threads.run(done.append, "next")
        assert done == ["next"]
        threads.close()

    asyncio.run(story())

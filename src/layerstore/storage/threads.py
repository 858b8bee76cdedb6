"""Threads for steps that may wait for a disk, and an end to waiting for a thread.

A step that has begun is waited for, however long it takes: nobody could say what it will still do.
One that has not is taken back when no thread came free in time, because every thread hangs.

The library's executor does the same for everybody, under four locks a step; a push of a small image
is some twenty steps, and a tenth of its time went there (docs/decisions/0005).
"""

import asyncio
import errno
import os
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, TypeVar, TypeVarTuple

PATIENCE_S: Final = 30.0
"""Seconds that a step waits for a thread."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Work:
    """A step on its way to a thread and back: `outcome` belongs to the event loop."""

    __slots__ = ("_claim", "arguments", "loop", "outcome", "step")

    # Any: threads do not mind what they do; `run` tells its caller's types.
    def __init__(self, step: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.step = step
        self.arguments = arguments
        self._claim = Lock()
        self.loop = asyncio.get_running_loop()
        self.outcome: asyncio.Future[Any] = self.loop.create_future()

    def claim(self) -> bool:
        """Whether it is the caller's to do, or to take back: the first one's who asks."""
        return self._claim.acquire(blocking=False)

    def settle(self, result: object, error: BaseException | None) -> None:
        """On the event loop: tell whoever still waits."""
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(result)
        else:
            self.outcome.set_exception(error)


class Threads:
    """At most `count` threads, made when they are needed; for the tasks of one event loop."""

    def __init__(self, count: int, name: str, patience_s: float = PATIENCE_S) -> None:
        self._count = count
        self._name = name
        self._patience_s = patience_s
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._under_way = 0

    async def run(self, step: Callable[[*Ts], T], *args: *Ts) -> T:
        """The result of the step. OSError (EAGAIN) when no thread comes free in time."""
        work = _Work(step, args)
        self._under_way += 1
        if len(self._threads) < min(self._under_way, self._count):
            self._add_thread()
        self._waiting.put(work)
        try:
            if self._under_way > self._count:
                await self._wait_for_turn(work)
            result: T = await work.outcome
            return result
        except asyncio.CancelledError:
            work.claim()  # if it has not begun, it never will
            work.outcome.cancel()  # else nobody hears how it ends
            raise
        finally:
            del work  # an error that holds it would hold itself, and what it has open

    async def _wait_for_turn(self, work: _Work) -> None:
        await asyncio.wait([work.outcome], timeout=self._patience_s)
        if not work.outcome.done() and work.claim():
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _add_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            result, error = None, None
            if work.claim():
                try:
                    result = work.step(*work.arguments)
                except BaseException as failure:  # noqa: BLE001 - it is the caller's
                    error = failure
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                work.loop.call_soon_threadsafe(self._ended, work, result, error)
            del work, result, error  # or they would be held until there is more to do, or longer

    def _ended(self, work: _Work, result: object, error: BaseException | None) -> None:
        self._under_way -= 1
        work.settle(result, error)

    def close(self) -> None:
        """Wait for the threads; nothing may be under way."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

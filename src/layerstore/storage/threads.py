"""Threads for steps that may wait for a disk, and an end to waiting for a thread.

A step that has begun is waited for, however long it takes: nobody could say what it will still do.
One that has not is taken back when no thread came free in time, because every thread hangs.
"""

import asyncio
import errno
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Final, TypeVar, TypeVarTuple

PATIENCE_S: Final = 30.0
"""Seconds that a step waits for a thread."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """At most `count` threads, made when they are needed."""

    def __init__(self, count: int, name: str, patience_s: float = PATIENCE_S) -> None:
        self._pool = ThreadPoolExecutor(count, name)
        self._count = count
        self._patience_s = patience_s
        self._under_way = 0
        self._lock = Lock()

    async def run(self, step: Callable[[*Ts], T], *args: *Ts) -> T:
        """The result of the step. OSError (EAGAIN) when no thread comes free in time."""
        work = self._pool.submit(step, *args)
        with self._lock:
            self._under_way += 1
            is_full = self._under_way > self._count
        work.add_done_callback(self._ended)
        result = asyncio.wrap_future(work)
        try:
            if is_full:
                await self._wait_for_turn(work, result)
            return await result
        finally:
            del work, result  # an error that holds them would hold itself, and what it has open

    async def _wait_for_turn(self, work: Future[T], result: asyncio.Future[T]) -> None:
        try:
            await asyncio.wait([result], timeout=self._patience_s)
        except asyncio.CancelledError:
            result.cancel()
            raise
        if not result.done() and work.cancel():
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _ended(self, work: Future[T]) -> None:
        with self._lock:
            self._under_way -= 1

    def close(self) -> None:
        """Wait for the threads; nothing may be under way."""
        self._pool.shutdown()

"""How long the other side of a connection says nothing, while this process runs.

A process that was stopped (SIGSTOP, a machine that slept) finds its timers due when it wakes,
before it hears what was sent meanwhile. So the time is counted in a few ticks, one after the other:
a stop costs one of them, however long it was.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

TICKS: Final = 4


class Listening:
    """Waits for the other side again and again, each time for `most_s` seconds at least.

    Up to a quarter more: one timer runs on beside all the waits, of which there may be 25,000 a
    second, and stops by itself when nobody waits any more. Between `begin` and `end` the task that
    called `begin` is cancelled when it waited too long; `gave_up` tells it why.
    """

    __slots__ = (
        "__weakref__",
        "_cancelled",
        "_is_over",
        "_is_waiting",
        "_task",
        "_tick_s",
        "_ticks",
        "_timer",
    )

    def __init__(self, most_s: float) -> None:
        self._tick_s = most_s / TICKS
        self._ticks = 0
        self._is_waiting = False
        self._is_over = False
        self._cancelled = 0
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None

    def begin(self) -> None:
        """From now on this task does nothing but wait."""
        self._task = asyncio.current_task()
        self._ticks = 0
        self._is_waiting = True
        if self._timer is None:
            self._set_timer()

    def end(self) -> None:
        """It has heard something, or does not wait any more."""
        self._is_waiting = False

    @property
    def most_s(self) -> float:
        """The seconds that the last wait lasted at most; a stop is not in them."""
        return (self._ticks + 1) * self._tick_s

    def gave_up(self) -> bool:
        """Whether a cancelling of the task was ours, and nobody else's too."""
        if not self._is_over or self._task is None:
            return False
        return self._task.uncancel() <= self._cancelled

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._is_waiting or self._task is None:
            return
        self._ticks += 1
        if self._ticks <= TICKS:
            self._set_timer()
            return
        self._is_over = True
        self._cancelled = self._task.cancelling()
        self._task.cancel()


class Silence:
    """`async with Silence(30.0)` raises TimeoutError after that many seconds of this process."""

    __slots__ = ("_limit", "_loop", "_tick_s", "_ticks", "_timer")

    def __init__(self, most_s: float) -> None:
        self._tick_s = most_s / TICKS
        self._ticks = 0
        self._limit = asyncio.timeout(None)

    @property
    def most_s(self) -> float:
        """The seconds that it has lasted at most; a stop is not in them."""
        return (self._ticks + 1) * self._tick_s

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(self._tick_s, self._tick)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks == TICKS:
            self._limit.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(self._tick_s, self._tick)

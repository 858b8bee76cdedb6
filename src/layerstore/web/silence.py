"""How long the other side of a connection says nothing, while this process runs.

A process that was stopped (SIGSTOP, a machine that slept) finds its timers due when it wakes,
before it hears what was sent meanwhile. So the time is counted in a few ticks, one after the other:
a stop costs one of them, however long it was.
"""

import asyncio
from types import TracebackType
from typing import Final, Self

TICKS: Final = 4


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

"""Who does what, and when, of the work that no request asked for.

One process does it all, one duty after the other. A duty must bear being broken off anywhere, and
being done by two processes at once: a process that dies is followed by another one, and where no
lock is, each does it for itself. What a duty does is not known here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from layerstore.clock import Clock
from layerstore.upkeep.post import Post

FIRST_WITHIN_S: Final = 60.0 * 60.0
"""Seconds within which a duty comes up first, so that many servers do not do it at one moment."""

INTERVAL_MIN_S: Final = 1.0
"""Seconds from the end of a duty to its next turn, at least."""

RELIEF_S: Final = 5.0
"""Seconds between two looks at whether the process that does the upkeep is gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to be done every `interval_s` seconds, counted from its end to its beginning.

    It comes up first after a random part of an hour, or of its interval where that is shorter.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    interval_s: float

    @property
    def pause_s(self) -> float:
        return max(self.interval_s, INTERVAL_MIN_S)


class Upkeep:
    """Does its duties from `start` to `stop`, whenever this process is the one that does."""

    def __init__(self, duties: Sequence[Duty], post: Post, clock: Clock) -> None:
        self._duties = tuple(duties)
        self._post = post
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on beside the requests of the running event loop; without duties, do nothing."""
        if self._duties:
            self._task = asyncio.get_running_loop().create_task(self.run())

    async def stop(self) -> None:
        """Break off what is being done, and let another process take over."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        self._post.leave()

    async def run(self) -> None:
        """Wait until this process is the one, then do the duties for ever."""
        await self._take_post()
        began, clock = self._clock.monotonic(), self._clock
        due = [began + clock.jitter() * min(duty.pause_s, FIRST_WITHIN_S) for duty in self._duties]
        while True:
            turn = due.index(min(due))
            await clock.sleep(max(0.0, due[turn] - clock.monotonic()))
            await _attempt(self._duties[turn])
            due[turn] = clock.monotonic() + self._duties[turn].pause_s

    async def _take_post(self) -> None:
        reported = ""
        while True:
            try:
                if await asyncio.to_thread(self._post.take):
                    return
            except OSError as error:
                if str(error) != reported:
                    reported = str(error)
                    _log.warning("no upkeep is done, its lock cannot be taken: %s", error.strerror)
            await self._clock.sleep(RELIEF_S)


async def _attempt(duty: Duty) -> None:
    """Whatever breaks is told, and the duty has its next turn all the same."""
    try:
        await duty.run()
    except Exception as error:  # noqa: BLE001  # one duty that breaks must not end the others
        _log.error("%s failed and will be tried again", duty.name, exc_info=error)

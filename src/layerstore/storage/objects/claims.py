"""Claims: names that one process of all instances holds at a time, where there is no file to lock.

An object stands for a claim while it is held; only one writer can be the first to make it. Its
holder writes it again every second, and breaks off when he could not for a while. Whoever dies
leaves his behind: it counts as abandoned when it was not written for longer than that, by the
store's own clock, or by the clock of the one who waits; clocks of two machines are never compared.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from layerstore.clock import Clock
from layerstore.storage.driver import StorageError
from layerstore.storage.objects.store import ABSENT, ConditionFailed, Content, Objects

FOLDER: Final = "layerstore/claims/"

HOLD_S: Final = 45.0
"""Seconds that a claim may be held; what takes longer is broken off."""

RENEW_S: Final = 1.0
"""Seconds between two times that a holder writes his claim."""

LOST_S: Final = 3.0
"""Seconds without having written it after which he breaks off."""

ABANDONED_S: Final = 6.0
"""Seconds after which a claim that was not written is taken over; clocks may tell one less."""

WAIT_S: Final = 10.0
"""Seconds that somebody waits for a claim."""

FIRST_PAUSE_S: Final = 0.02
PAUSE_MAX_S: Final = 0.5
LEFT_BEHIND: Final = timedelta(days=1)
"""Age from which on a claim is taken away when a process starts."""

_SEEN_MAX: Final = 1024

_log = logging.getLogger(__name__)


class Claimed(Exception):
    """Somebody else holds it, and went on to."""


class HeldTooLong(Exception):
    """What was done under a claim took so long that it was broken off."""


@dataclass(slots=True)
class _Held:
    """A claim of ours: what it says, and the etag under which the store has it."""

    key: str
    content: bytes
    etag: str
    is_lost: bool = False


class Claims:
    """The claims of one process on a bucket; `root` ends with a slash or is empty."""

    def __init__(self, objects: Objects, root: str, clock: Clock) -> None:
        self._objects = objects
        self._prefix = f"{root}{FOLDER}"
        self._clock = clock
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold the name. Raises Claimed after WAIT_S, HeldTooLong after HOLD_S, StorageError.

        On a store that keeps no conditions nothing is held, and nothing asked.
        """
        if not self._objects.is_conditional:
            yield
            return
        held = await self._take(self._prefix + sha256(name.encode()).hexdigest()[:32])
        try:
            async with asyncio.timeout(HOLD_S) as limit, self._renewed(held, limit):
                yield
        except TimeoutError as error:
            raise HeldTooLong from error
        finally:
            if not held.is_lost:
                await self._let_go(held.key)

    async def _take(self, key: str) -> _Held:
        mine, pause = self._clock.new_id().encode(), FIRST_PAUSE_S
        until = _now() + WAIT_S
        while (held := await self._taken(key, mine)) is None:
            if _now() >= until:
                raise Claimed
            await asyncio.sleep(pause * (0.5 + self._clock.jitter()))
            pause = min(PAUSE_MAX_S, 2 * pause)
        self._seen.pop(key, None)
        return held

    async def _taken(self, key: str, mine: bytes) -> _Held | None:
        try:
            return _Held(key, mine, await self._objects.put(key, mine, ABSENT))
        except ConditionFailed:
            return await self._taken_over(key, mine)

    async def _taken_over(self, key: str, mine: bytes) -> _Held | None:
        found = await self._objects.get(key)
        if found is None:
            return None
        if found.content == mine:
            return _Held(key, mine, found.etag)  # an answer was lost: the second try met the first
        if not self._is_abandoned(key, found):
            return None
        try:
            return _Held(key, mine, await self._objects.put(key, mine, found.etag))
        except ConditionFailed:
            return None

    def _is_abandoned(self, key: str, found: Content) -> bool:
        if found.age_s >= ABANDONED_S:
            return True
        now = _now()
        seen, since = self._seen.get(key, ("", now))
        if seen != found.etag:
            self._seen[key] = (found.etag, now)
            if len(self._seen) > _SEEN_MAX:
                self._seen.popitem(last=False)
            return False
        return now - since >= ABANDONED_S

    @asynccontextmanager
    async def _renewed(self, held: _Held, limit: asyncio.Timeout) -> AsyncIterator[None]:
        """Write the claim again and again; `limit` is up when that did not work for LOST_S."""
        renewing = asyncio.ensure_future(self._renew(held, limit))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])

    async def _renew(self, held: _Held, limit: asyncio.Timeout) -> None:
        lost_at = _now() + LOST_S
        while not held.is_lost:
            await asyncio.sleep(RENEW_S)
            began = _now()
            if await self._written_again(held, lost_at):
                lost_at = began + LOST_S
            held.is_lost = held.is_lost or _now() >= lost_at
        _log.warning("a claim was lost, and what was done under it is broken off")
        limit.reschedule(_now())

    async def _written_again(self, held: _Held, lost_at: float) -> bool:
        content = held.content + b"+"
        try:
            async with asyncio.timeout_at(lost_at):
                held.etag = await self._objects.put(held.key, content, held.etag)
        except ConditionFailed:
            return await self._is_still_ours(held, content)
        except (TimeoutError, StorageError):
            return False
        held.content = content
        return True

    async def _is_still_ours(self, held: _Held, content: bytes) -> bool:
        """Whether only an answer was lost; else somebody has taken the claim over."""
        try:
            found = await self._objects.get(held.key)
        except StorageError:
            return False
        held.is_lost = found is None or found.content not in (held.content, content)
        if found is not None and not held.is_lost:
            held.content, held.etag = found.content, found.etag
        return not held.is_lost

    async def _let_go(self, key: str) -> None:
        """What was done is done: a claim that stays is only somebody's wait."""
        try:
            await self._objects.delete(key)
        except StorageError as error:
            _log.warning("a claim stays behind: %s", error)

    async def clear(self) -> None:
        """Take away what processes that died left behind long ago. Raises StorageError."""
        before = self._clock.now() - LEFT_BEHIND
        page = await self._objects.page(self._prefix)
        await self._objects.delete_all(
            [item.key for item in page.objects if item.modified < before]
        )


def _now() -> float:
    """The loop's time, in which limits are kept: who holds and who waits go by the same."""
    return asyncio.get_running_loop().time()

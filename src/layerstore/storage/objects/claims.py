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
"""Seconds from one time that a holder writes his claim to the next; a slow store takes longer."""

RENEW_PAUSE_S: Final = 0.2

LOST_S: Final = 6.0
"""Seconds since he began to write it last after which he breaks off."""

ABANDONED_S: Final = 8.0
"""Seconds after which a claim that was not written is taken over; clocks may tell one less."""

WAIT_S: Final = 12.0
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
    """What was done under a claim took too long, or the claim may be another one's by now."""


@dataclass(slots=True)
class _Held:
    """A claim of ours: what it says, the etag under which the store has it, and since when.

    That is the moment at which we began to write it: it may be as old as that.
    """

    key: str
    content: bytes
    etag: str
    since: float
    is_taken: bool = False

    @property
    def is_lost(self) -> bool:
        return self.is_taken or _now() >= self.since + LOST_S


class Claims:
    """The claims of one process on a bucket; `root` ends with a slash or is empty."""

    def __init__(self, objects: Objects, root: str, clock: Clock) -> None:
        self._objects = objects
        self._prefix = f"{root}{FOLDER}"
        self._clock = clock
        self._seen: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold the name. Raises Claimed after WAIT_S, StorageError, and HeldTooLong after HOLD_S or
        when the claim could not be written again for LOST_S.

        On a store that keeps no conditions nothing is held, and nothing asked.
        """
        if not self._objects.is_conditional:
            yield
            return
        held = await self._take(self._prefix + sha256(name.encode()).hexdigest()[:32])
        try:
            async with asyncio.timeout(HOLD_S) as limit, self._renewed(held, limit):
                yield
            if held.is_lost:  # this process was stopped, and nobody knows what another one did
                raise HeldTooLong
        except TimeoutError as error:
            raise HeldTooLong from error
        finally:
            await self._let_go(held)

    async def _take(self, key: str) -> _Held:
        mine, pause = self._clock.new_id().encode(), FIRST_PAUSE_S
        until = _now() + WAIT_S
        while (held := await self._taken(key, mine)) is None or held.is_lost:
            if _now() >= until:
                raise Claimed
            await asyncio.sleep(pause * (0.5 + self._clock.jitter()))
            pause = min(PAUSE_MAX_S, 2 * pause)
        self._seen.pop(key, None)
        return held

    async def _taken(self, key: str, mine: bytes) -> _Held | None:
        try:
            return await self._put(key, mine, ABSENT)
        except ConditionFailed:
            return await self._taken_over(key, mine)

    async def _taken_over(self, key: str, mine: bytes) -> _Held | None:
        """What is abandoned, or is ours and only an answer was lost, and nobody knows when."""
        found = await self._objects.get(key)
        if found is None:
            return None
        is_ours = found.content.startswith(mine)
        if not is_ours and not self._is_abandoned(key, found):
            return None
        try:
            return await self._put(key, found.content + b"+" if is_ours else mine, found.etag)
        except ConditionFailed:
            return None

    async def _put(self, key: str, content: bytes, condition: str) -> _Held:
        began = _now()
        return _Held(key, content, await self._objects.put(key, content, condition), began)

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
        while not held.is_lost:
            await asyncio.sleep(max(RENEW_PAUSE_S, held.since + RENEW_S - _now()))
            await self._write_again(held)
        _log.warning("a claim was lost, and what was done under it is broken off")
        limit.reschedule(_now())

    async def _write_again(self, held: _Held) -> None:
        """Each time it says something else, so that its etag is another."""
        began, content = _now(), held.content + b"+"
        try:
            async with asyncio.timeout_at(held.since + LOST_S):
                etag = await self._objects.put(held.key, content, held.etag)
        except ConditionFailed:
            await self._look_again(held, content, began)
        except (TimeoutError, StorageError):
            return
        else:
            held.content, held.etag, held.since = content, etag, began

    async def _look_again(self, held: _Held, content: bytes, began: float) -> None:
        """Only an answer was lost, or somebody has taken the claim over."""
        try:
            found = await self._objects.get(held.key)
        except StorageError:
            return
        if found is not None and found.content == content:
            held.content, held.etag, held.since = content, found.etag, began
        else:
            held.is_taken = found is None or found.content != held.content

    async def _let_go(self, held: _Held) -> None:
        """A claim that may be another one's by now stays: that is only somebody's wait."""
        if held.is_lost:
            return
        try:
            await self._objects.delete(held.key)
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

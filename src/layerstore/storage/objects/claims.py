"""Claims: names that one process of all instances holds at a time, where there is no file to lock.

An object stands for a claim while it is held; only one writer can be the first to make it. Whoever
dies leaves his behind. It counts as abandoned when it did not change for longer than anybody may
hold one, by the clock of the one who waits: clocks of different machines are never compared.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Final

from layerstore.clock import Clock
from layerstore.storage.driver import StorageError
from layerstore.storage.objects.store import ABSENT, ConditionFailed, Objects

FOLDER: Final = "layerstore/claims/"

HOLD_S: Final = 45.0
"""Seconds that a claim may be held; what takes longer is broken off."""

ABANDONED_S: Final = 60.0
"""Seconds after which a claim that did not change is taken over."""

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
        key = self._prefix + sha256(name.encode()).hexdigest()[:32]
        await self._take(key)
        try:
            async with asyncio.timeout(HOLD_S):
                yield
        except TimeoutError as error:
            raise HeldTooLong from error
        finally:
            await self._let_go(key)

    async def _take(self, key: str) -> None:
        mine, pause = self._clock.new_id().encode(), FIRST_PAUSE_S
        until = self._clock.monotonic() + WAIT_S
        while not await self._taken(key, mine):
            if self._clock.monotonic() >= until:
                raise Claimed
            await self._clock.sleep(pause * (0.5 + self._clock.jitter()))
            pause = min(PAUSE_MAX_S, 2 * pause)
        self._seen.pop(key, None)

    async def _taken(self, key: str, mine: bytes) -> bool:
        try:
            await self._objects.put(key, mine, ABSENT)
        except ConditionFailed:
            return await self._taken_over(key, mine)
        return True

    async def _taken_over(self, key: str, mine: bytes) -> bool:
        found = await self._objects.get(key)
        if found is None:
            return False
        if found.content == mine:
            return True  # an answer was lost, and the second attempt met the first
        if not self._is_abandoned(key, found.etag):
            return False
        try:
            await self._objects.put(key, mine, found.etag)
        except ConditionFailed:
            return False
        return True

    def _is_abandoned(self, key: str, etag: str) -> bool:
        now = self._clock.monotonic()
        seen, since = self._seen.get(key, ("", now))
        if seen != etag:
            self._seen[key] = (etag, now)
            if len(self._seen) > _SEEN_MAX:
                self._seen.popitem(last=False)
            return False
        return now - since >= ABANDONED_S

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

"""Comparing passwords with hashes, off the event loop and never too many at a time.

The same comparison wanted by several requests at once, as when a client brings its layers side by
side, is made once.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from layerstore.auth.passwords import matches
from layerstore.oci.errors import TooManyRequests

WAITING_MAX: Final = 64
"""Comparisons that are under way or wait for a thread, in one process."""

_RETRY_SECONDS: Final = 5


class Compares:
    """Makes at most `at_once` comparisons at the same time (decisions 15)."""

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="bcrypt")
        self._under_way: dict[bytes, asyncio.Future[bool]] = {}

    def under_way(self, key: bytes) -> bool:
        """Whether the comparison that `key` stands for is being made already."""
        return key in self._under_way

    async def join(self, key: bytes) -> bool:
        """What the comparison that is under way will find."""
        return await asyncio.shield(self._under_way[key])

    async def matches(self, key: bytes, password: bytes, hashed: bytes) -> bool:
        """Whether the hash was made of the password; `key` stands for the two of them.

        Raises TooManyRequests when WAITING_MAX comparisons are under way.
        """
        if key not in self._under_way:
            self._begin(key, password, hashed)
        return await self.join(key)

    def _begin(self, key: bytes, password: bytes, hashed: bytes) -> None:
        if len(self._under_way) >= WAITING_MAX:
            raise TooManyRequests("too many logins at the same time", retry_after=_RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        comparison = loop.run_in_executor(self._threads, matches, password, hashed)
        self._under_way[key] = comparison
        comparison.add_done_callback(lambda _: self._under_way.pop(key, None))

    def close(self) -> None:
        """End the threads, without waiting for what they still do."""
        self._threads.shutdown(wait=False, cancel_futures=True)

"""How long a store is asked again, and when it is left alone.

A failure that may pass is tried again a few times, each time later and never at the same moment as
everybody else. When a store fails whoever asks, nobody asks it for some seconds (a breaker): a
dead store must not tie up the server.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from layerstore.clock import Clock
from layerstore.storage.driver import StorageUnavailable

ATTEMPTS_MAX: Final = 5
"""Times that one call is tried."""

FIRST_PAUSE_S: Final = 0.1
PAUSE_MAX_S: Final = 2.0

CALL_S: Final = 30.0
"""Seconds after which a call is not tried again."""

FAILURES_MAX: Final = 10
"""Failures in a row, of whatever calls, that open the breaker."""

OPEN_S: Final = 5.0
"""Seconds for which nobody asks; then one call tries."""

T = TypeVar("T")


class Trouble(Exception):
    """A failure that may pass."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Patience:
    """Retries and breaker of one process for one store."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        attempts_max: int = ATTEMPTS_MAX,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """`attempts_max` is how often one call is tried, at least once."""
        self._attempts_max = attempts_max
        self._first_pause_s = first_pause_s
        self._name = name
        self._clock = clock
        self._failures = 0
        self._asked_again_at = 0.0

    async def call(self, key: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the attempt returns. Raises StorageUnavailable when trouble does not pass."""
        until = self._clock.monotonic() + CALL_S
        for turn in range(self._attempts_max):
            self.check(key)
            try:
                result = await attempt()
            except Trouble as trouble:
                is_last = self._clock.monotonic() >= until
                await self.failed(key, trouble, self._attempts_max if is_last else turn)
            else:
                self.answered()
                return result
        raise AssertionError("the last attempt returns or raises")

    def check(self, key: str) -> None:
        """Raise StorageUnavailable while nobody is to ask."""
        if self._failures < FAILURES_MAX:
            return
        now = self._clock.monotonic()
        if now < self._asked_again_at:
            raise self._unavailable(key, "the store does not answer")
        self._asked_again_at = now + OPEN_S

    def answered(self) -> None:
        """The store gave an answer, whichever."""
        self._failures = 0

    async def failed(self, key: str, trouble: Trouble, turn: int) -> None:
        """Wait until the call may be tried again; `turn` counts from 0. Raises StorageUnavailable
        when it may not.
        """
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._asked_again_at = self._clock.monotonic() + OPEN_S
        if turn + 1 >= self._attempts_max:
            raise self._unavailable(key, trouble.reason) from trouble
        await self._clock.sleep(self._pause(turn))

    def _pause(self, turn: int) -> float:
        longest = min(PAUSE_MAX_S, self._first_pause_s * float(2**turn))
        return longest * (0.5 + self._clock.jitter() / 2)

    def _unavailable(self, key: str, reason: str) -> StorageUnavailable:
        return StorageUnavailable(self._name, f"/{key}", reason)

"""The only source of time, identifiers and chance.

Nothing in the package asks the operating system for them elsewhere: a test or a simulation that
hands in another Clock decides them all, so that one seed replays a failure.
"""

import os
import time
from datetime import UTC, datetime
from typing import Final, Protocol

_JITTER_BYTES: Final = 6


class Clock(Protocol):
    """Time, identifiers and chance, as every room receives them."""

    def now(self) -> datetime:
        """The present moment in UTC; may jump."""

    def monotonic(self) -> float:
        """Seconds from an unnamed start; never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""

    def new_id(self) -> str:
        """A new lower-case UUID that nobody can guess (upload ids: registry-facts §1.4)."""

    def token(self, size: int) -> bytes:
        """So many bytes that nobody can guess, for secrets."""

    def jitter(self) -> float:
        """A number from 0 up to 1, to spread retries."""


class SystemClock:
    """The Clock of the running machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        import asyncio  # not everybody who asks for the time has an event loop

        await asyncio.sleep(seconds)

    def new_id(self) -> str:
        """UUID of version 4 (RFC 9562 §5.4), in a third of the time that the library takes."""
        digits = os.urandom(16).hex()
        variant = "89ab"[int(digits[16], 16) & 3]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )

    def token(self, size: int) -> bytes:
        return os.urandom(size)

    def jitter(self) -> float:
        return int.from_bytes(os.urandom(_JITTER_BYTES)) / (1 << 8 * _JITTER_BYTES)


_: type[Clock] = SystemClock

"""Stand-ins that are real in all but one respect: a clock that a test turns by hand."""

import asyncio
import random  # noqa: TID251  # a fake clock is seeded, so that a failure can be replayed
import uuid
from datetime import UTC, datetime, timedelta

from layerstore.clock import Clock

EPOCH = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class FakeClock:
    """A Clock whose time passes only in `sleep` and `pass_time`, and whose ids come from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._passed = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self._passed += seconds
        await asyncio.sleep(0)

    def pass_time(self, seconds: float) -> None:
        self._passed += seconds

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def jitter(self) -> float:
        return self._random.random()


_: type[Clock] = FakeClock

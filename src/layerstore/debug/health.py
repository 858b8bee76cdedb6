"""Whether the server is well: checks that are repeated, and the operator's switch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from layerstore.clock import Clock
from layerstore.debug.checks import Check, Unwell
from layerstore.telemetry.page import Page

SWITCH: Final = "manual_http_status"
"""Under which name the operator's switch is told, as the original does."""

INTERVAL_LEAST_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Repeated:
    """A check, the seconds between two looks, and the failures in a row that matter (0: one)."""

    check: Check
    interval_s: float
    threshold: int = 0


class Health:
    """Repeats the checks; all workers see on the page whether one of them fails."""

    def __init__(self, repeated: Sequence[Repeated], page: Page, clock: Clock) -> None:
        self._repeated = repeated
        self._page = page
        self._clock = clock
        self._failures: dict[str, str] = {}

    def failures(self) -> dict[str, str]:
        """What is wrong, by the name of the check; nothing when all is well."""
        switched = {SWITCH: "Manual Check"} if self._page.switched_off else {}
        return {**self._failures, **switched}

    async def run(self) -> None:
        """Look for ever; the first time after one interval, as the original does."""
        async with asyncio.TaskGroup() as group:
            for repeated in self._repeated:
                group.create_task(self._repeat(repeated))

    async def _repeat(self, repeated: Repeated) -> None:
        in_a_row = 0
        while True:
            await self._clock.sleep(max(INTERVAL_LEAST_S, repeated.interval_s))
            try:
                await repeated.check.look()
            except Unwell as error:
                in_a_row += 1
                if in_a_row >= repeated.threshold:
                    self._failures[repeated.check.name] = str(error)
            else:
                in_a_row = 0
                self._failures.pop(repeated.check.name, None)
            self._page.unhealthy = bool(self._failures)

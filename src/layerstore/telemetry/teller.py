"""Finished requests, counted and logged at the end of a turn of the event loop, all together.

Step by step for all of them: what a step needs is still at hand for the next request, and telling
is done in half the time (docs/decisions/0005).
"""

from asyncio import AbstractEventLoop

from layerstore.telemetry.logs import STANDARD_ERROR, STANDARD_OUTPUT, LogSettings
from layerstore.telemetry.metrics import Metrics
from layerstore.telemetry.page import Page
from layerstore.telemetry.requests import Exchange, GatheringWriter, RequestLog


class Teller:
    """Hears of every finished request. Whoever ends the loop calls `flush`."""

    def __init__(
        self,
        settings: LogSettings,
        page: Page,
        loop: AbstractEventLoop,
        *,
        log: int = STANDARD_ERROR,
        access_log: int = STANDARD_OUTPUT,
    ) -> None:
        """`log` and `access_log` are descriptors that lines are written to."""
        self.metrics = Metrics(page)
        self._loop = loop
        self._lines = GatheringWriter(log)
        self._access_lines = GatheringWriter(access_log)
        self._log = RequestLog(settings, self._lines, self._access_lines)
        self._finished: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        if not self._finished:
            self._loop.call_soon(self.flush)
        self._finished.append(exchange)

    def flush(self) -> None:
        """Tell what has finished."""
        finished, self._finished = self._finished, []
        for exchange in finished:
            self.metrics.request(exchange)
        for exchange in finished:
            self._log(exchange)
        self._lines.flush()
        self._access_lines.flush()

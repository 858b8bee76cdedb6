"""When finished requests are told, and that all of them are."""

import asyncio
from pathlib import Path

from layerstore.telemetry.logs import LogSettings
from layerstore.telemetry.metrics import exposition
from layerstore.telemetry.page import Page
from layerstore.telemetry.requests import Asked, Exchange
from layerstore.telemetry.teller import Teller
from tests.fakes import EPOCH


def exchange(number: int) -> Exchange:
    uri = f"/v2/{number}/tags/list"
    return Exchange(EPOCH, "id", "GET", uri, "1.1", "r", Asked("h"), 200, "", 7, 0, 0.01, {})


class Told:
    """A Teller, and the files that it writes to."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._log, self._access_log = folder / "log", folder / "access"
        self.page = Page.private()
        self._files = [path.open("wb") for path in (self._log, self._access_log)]
        log, access_log = (file.fileno() for file in self._files)
        self.teller = Teller(LogSettings(), self.page, loop, log=log, access_log=access_log)

    def close(self) -> None:
        for file in self._files:
            file.close()

    def numbers(self) -> tuple[list[int], list[int]]:
        """The numbers of the requests in the two logs, in their order."""
        structured, access = self._log.read_text(), self._access_log.read_text()
        return _numbers(structured), _numbers(access)


def _numbers(text: str) -> list[int]:
    return [int(line.partition("/v2/")[2].partition("/")[0]) for line in text.splitlines()]


async def test_what_finished_in_a_turn_of_the_loop_is_told_at_its_end(tmp_path: Path) -> None:
    told = Told(tmp_path, asyncio.get_running_loop())
    for number in range(20):
        told.teller(exchange(number))
    assert told.numbers() == ([], [])
    await asyncio.sleep(0)
    assert told.numbers() == (list(range(20)), list(range(20)))
    assert 'requests_total{handler="tags",method="get",code="200"} 20' in exposition(told.page, "x")
    told.close()


async def test_the_next_turn_is_told_too(tmp_path: Path) -> None:
    told = Told(tmp_path, asyncio.get_running_loop())
    for number in range(3):
        told.teller(exchange(number))
        await asyncio.sleep(0)
    assert told.numbers() == ([0, 1, 2], [0, 1, 2])
    told.close()


def test_what_is_left_when_the_loop_ends_is_told_once(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    told = Told(tmp_path, loop)
    told.teller(exchange(1))
    told.teller.flush()
    told.teller.flush()
    loop.close()
    assert told.numbers() == ([1], [1])
    told.close()

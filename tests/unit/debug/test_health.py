"""Checks that are repeated: when a failure counts, and when it is over."""

import asyncio
from contextlib import suppress

from layerstore.debug.checks import Unwell
from layerstore.debug.health import SWITCH, Health, Repeated
from layerstore.telemetry.page import Page
from tests.fakes import FakeClock

INTERVAL_S = 10.0


class Patient:
    """A check that a test makes fail; counts the looks."""

    name = "patient"

    def __init__(self) -> None:
        self.complaint: str | None = None
        self.looks = 0

    async def look(self) -> None:
        self.looks += 1
        if self.complaint is not None:
            raise Unwell(self.complaint)


class Ward:
    """Health of one patient, whose looks a test lets happen one by one."""

    def __init__(self, threshold: int = 0) -> None:
        self.patient = Patient()
        self.page = Page.private()
        repeated = Repeated(self.patient, INTERVAL_S, threshold)
        self.clock = FakeClock()
        self.health = Health([repeated], self.page, self.clock)

    async def look(self, times: int) -> None:
        running = asyncio.ensure_future(self.health.run())
        seen = self.patient.looks + times
        while self.patient.looks < seen:
            await asyncio.sleep(0)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_nothing_is_wrong_before_the_first_look() -> None:
    ward = Ward()
    ward.patient.complaint = "ill"
    assert ward.health.failures() == {}


async def test_a_failure_is_told_with_its_reason_and_reaches_all_workers() -> None:
    ward = Ward()
    ward.patient.complaint = "ill"
    await ward.look(1)
    assert ward.health.failures() == {"patient": "ill"}
    assert ward.page.unhealthy


async def test_looks_are_one_interval_apart() -> None:
    ward = Ward()
    await ward.look(3)
    assert ward.clock.monotonic() >= 3 * INTERVAL_S


async def test_a_threshold_is_that_many_failures_in_a_row() -> None:
    ward = Ward(threshold=3)
    ward.patient.complaint = "ill"
    running = asyncio.ensure_future(ward.health.run())
    while not ward.page.unhealthy:
        await asyncio.sleep(0)
    running.cancel()
    assert ward.patient.looks == 3


async def test_one_good_look_ends_it() -> None:
    ward = Ward()
    ward.patient.complaint = "ill"
    await ward.look(2)
    ward.patient.complaint = None
    await ward.look(1)
    assert ward.health.failures() == {}
    assert not ward.page.unhealthy


async def test_the_switch_counts_like_a_check() -> None:
    ward = Ward()
    ward.page.switched_off = True
    assert list(ward.health.failures()) == [SWITCH]

"""The OCI conformance suite passes whole, by default and with every optional part on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.results import Report
from tests.conformance.runs import RUNS, Run, conduct
from tests.conformance.suite import Parts

LEAST_CHECKS = 800
"""The smallest run of this version of the suite has more; fewer means that it broke off."""

CASES_TOLD = 40
"""Shortfalls that a failure spells out; the rest are in the suite's own report."""


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_every_case_of_the_suite_passes(run: Run, tmp_path: Path) -> None:
    report = conduct(run, tmp_path)
    assert report.counts.fallen_short == 0, _readable(run, report, tmp_path)
    assert report.shortfalls() == []
    assert report.counts.passed >= LEAST_CHECKS
    if run.parts is Parts.EVERY:
        assert report.parts_off() == []
        assert report.counts.disabled == 0


def _readable(run: Run, report: Report, folder: Path) -> str:
    counts = report.counts
    heading = (
        f"{run}: {counts.failed} failed, {counts.errors} errors, {counts.skipped} skipped"
        f" of {counts.total}; every exchange is in {folder / 'report' / 'report.html'}"
    )
    short = report.shortfalls()
    lines = [f"{case.status}: {case.name}\n    {case.detail}" for case in short[:CASES_TOLD]]
    return "\n".join([heading, *lines])

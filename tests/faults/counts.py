"""What the tests of faults tried, counted: told at the end of a run, kept for the report.

A test asks for the fixture `counted` and calls it with what it tried and how often. The sums stand
in the summary of the run. What the long form counted is kept in pytest's cache, one entry for each
test, from where `tests/faults/report.py` puts it into `docs/reliability.md`.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

import pytest

IS_LONG: Final = bool(os.environ.get("LAYERSTORE_LONG"))
"""Whether the long form was asked for; `make faults` does."""

CACHE: Final = "counts"


class Count(NamedTuple):
    """A test tried `what` so many times."""

    test: str
    what: str
    number: int


class Counted(Protocol):
    """Adds what a test tried to the figures."""

    def __call__(self, what: str, number: int = 1) -> None:
        """`what` in the plural, as a figure is told: `crash states`."""


_counts = pytest.StashKey[list[Count]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Iterator[Counted]:
    """Counts what the test tries."""
    tried: Counter[str] = Counter()

    def add(what: str, number: int = 1) -> None:
        tried[what] += number

    yield add
    test = request.node.nodeid
    kept = request.config.stash.setdefault(_counts, [])
    kept += [Count(test, what, number) for what, number in tried.items()]
    cache = getattr(request.config, "cache", None)  # absent with -p no:cacheprovider
    if IS_LONG and cache is not None:
        cache.set(f"{CACHE}/{_file_name(test)}", {"test": test, "counts": tried})


def _file_name(test: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", test)[-200:]


def sums(counts: Iterable[Count]) -> dict[str, int]:
    """How often each thing was tried by all tests together, in the order of their names."""
    total: Counter[str] = Counter()
    for count in counts:
        total[count.what] += count.number
    return dict(sorted(total.items()))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell what was tried, if any test counted."""
    counts = config.stash.get(_counts, [])
    if not counts:
        return
    terminalreporter.section("tried")
    for what, number in sums(counts).items():
        terminalreporter.write_line(f"{number:>10,}  {what}")

"""What was measured, as it is kept beside the page: one file for each part of a run.

The page is written from these files, so that a part measured anew leaves the others in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec

from bench.contestants import LAYERSTORE
from bench.scenario import Figure

SCENARIOS, LONG, GROWTH = PARTS = ("scenarios", "long", "growth")

FLAT, LINEAR = 2.0, 13.0
"""Up to which factor ten times the work is told as flat, and as linear (with room for chance)."""

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Outcome:
    """The values of one figure of a scenario, for each contestant, a value a turn."""

    scenario: str
    title: str
    figure: Figure
    values: Mapping[str, list[float]]

    def ratio(self) -> float | None:
        """How many times as good as the other Layerstore is; None where one was not measured."""
        ours, other = self.values.get(LAYERSTORE), self.values.get(self.figure.beside)
        if not ours or not other:
            return None
        over, under = median(ours), median(other)
        if not self.figure.more_is_better:
            over, under = under, over
        return over / under if under else None

    def is_missed(self) -> bool:
        """Whether the ratio is below the least that was planned."""
        ratio = self.ratio()
        return ratio is not None and bool(self.figure.least) and ratio < float(self.figure.least)


@dataclass(frozen=True)
class Table:
    """Scenarios of one run. `missing` says what was to be in it and is not, and why."""

    circumstances: str
    outcomes: list[Outcome]
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    """The milliseconds of one operation for each contestant, in the order of `sizes`."""

    name: str
    title: str
    grows: str
    sizes: list[int]
    ms: Mapping[str, list[float]]


@dataclass(frozen=True)
class Growth:
    """The courses of one run. `missing` says what was to be in it and is not, and why."""

    circumstances: str
    courses: list[Course]
    missing: list[str] = field(default_factory=list)


def factors(ms: Sequence[float]) -> list[float]:
    """From each value to the next."""
    return [after / before for before, after in pairwise(ms)]


def told_growth(ms: Sequence[float]) -> str:
    """What the largest step is, when each step is ten times the work."""
    most = max(factors(ms), default=1.0)
    if most <= FLAT:
        return "flat"
    return "at most linear" if most <= LINEAR else "more than linear"


def keep(folder: Path, part: str, measured: Table | Growth) -> None:
    """Write a part to its file."""
    folder.mkdir(parents=True, exist_ok=True)
    _file(folder, part).write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")


def kept(folder: Path, part: str, kind: type[Kept]) -> Kept | None:
    """A part as its last run left it; None where there was none."""
    file = _file(folder, part)
    return msgspec.json.decode(file.read_bytes(), type=kind) if file.exists() else None


def _file(folder: Path, part: str) -> Path:
    return folder / f"{part}.json"

"""Ratios, what is missed, how growth is told, and what is kept between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contestants import LAYERSTORE, ORIGINAL
from bench.measured import (
    SCENARIOS,
    Course,
    Growth,
    Outcome,
    Table,
    factors,
    keep,
    kept,
    told_growth,
)
from bench.scenario import Figure

YARDSTICK = "openssl and cp"


def outcome(figure: Figure, **values: list[float]) -> Outcome:
    names = {"ours": LAYERSTORE, "original": ORIGINAL, "yardstick": YARDSTICK}
    return Outcome("name", "title", figure, {names[key]: held for key, held in values.items()})


def test_a_ratio_is_between_medians() -> None:
    measured = outcome(Figure("requests/s"), ours=[10, 60, 1000], original=[30, 20, 1])
    assert measured.ratio() == 3


def test_where_less_is_better_the_ratio_is_turned_round() -> None:
    measured = outcome(Figure("s", more_is_better=False), ours=[2], original=[5])
    assert measured.ratio() == 2.5


def test_a_figure_may_be_set_beside_a_yardstick() -> None:
    figure = Figure("s", more_is_better=False, least="0.625", beside=YARDSTICK)
    within = outcome(figure, ours=[1.6], original=[9], yardstick=[1])
    beyond = outcome(figure, ours=[1.7], original=[9], yardstick=[1])
    assert within.ratio() == 0.625
    assert (within.is_missed(), beyond.is_missed()) == (False, True)


@pytest.mark.parametrize(
    ("least", "ours", "is_missed"),
    [("2", 1.9, True), ("2", 2.0, False), ("", 0.1, False)],
)
def test_missed_is_what_stays_below_its_least(least: str, ours: float, is_missed: bool) -> None:
    measured = outcome(Figure("requests/s", least=least), ours=[ours], original=[1])
    assert measured.is_missed() is is_missed


def test_without_the_other_there_is_no_ratio_and_nothing_is_missed() -> None:
    measured = outcome(Figure("requests/s", least="2"), ours=[1], yardstick=[1])
    assert measured.ratio() is None
    assert not measured.is_missed()


def test_factors_are_from_each_size_to_the_next() -> None:
    assert factors([2, 4, 40]) == [2, 10]


@pytest.mark.parametrize(
    ("ms", "told"),
    [
        ([5, 6, 4, 5], "flat"),
        ([1, 1, 10, 100], "at most linear"),
        ([1, 3, 9, 27], "at most linear"),
        ([1, 1, 100, 1000], "more than linear"),
        ([7], "flat"),
    ],
)
def test_growth_is_told_by_its_largest_step(ms: list[float], told: str) -> None:
    assert told_growth(ms) == told


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    table = Table("a machine", [outcome(Figure("s", least="2"), ours=[1.5, 2])], ["pulls (no)"])
    growth = Growth("a machine", [Course("n", "t", "tags", [1, 10], {"nginx": [0.1, 0.2]})])
    keep(tmp_path / "new", SCENARIOS, table)
    keep(tmp_path / "new", "growth", growth)
    assert kept(tmp_path / "new", SCENARIOS, Table) == table
    assert kept(tmp_path / "new", "growth", Growth) == growth


def test_what_was_never_measured_is_not_kept(tmp_path: Path) -> None:
    assert kept(tmp_path, SCENARIOS, Table) is None

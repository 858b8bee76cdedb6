"""The page: every part told with its command, missing parts said, goals marked, pictures beside."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.contestants import LAYERSTORE, NGINX, ORIGINAL
from bench.growth.courses import BY_CONNECTIONS, BY_TAGS, GROWERS
from bench.measured import GROWTH, LONG, SCENARIOS, Course, Growth, Outcome, Table, keep
from bench.report import FOLDER, course_rows, outcome_rows, write_page
from bench.scenario import Figure
from bench.scenarios import SCENARIOS as ALL_SCENARIOS

MISSED = Outcome(
    "get",
    "GET it",
    Figure("requests/s", least="12", goal="20"),
    {ORIGINAL: [1000.0], LAYERSTORE: [2000.0, 3000.0, 2500.0], NGINX: [90000.0]},
)
MET = Outcome(
    "get", "GET it", Figure("s", more_is_better=False), {ORIGINAL: [0.5], LAYERSTORE: [0.25]}
)
COURSES = [
    Course(
        BY_CONNECTIONS,
        "GET it",
        "connections",
        [1, 10, 100],
        {ORIGINAL: [1.0, 2.0, 40.0], LAYERSTORE: [0.2, 0.1, 0.1], NGINX: [0.1, 0.01, 0.01]},
    ),
    Course(BY_TAGS, "a page", "tags", [1, 10, 100], {LAYERSTORE: [1.0, 1.0, 1.1]}),
]


def page(docs: Path) -> str:
    write_page(docs)
    return (docs / "benchmarks.md").read_text()


def test_a_part_that_was_never_measured_is_told_with_its_command(tmp_path: Path) -> None:
    written = page(tmp_path)
    for command in ("make bench-scenarios", "make bench-long", "make bench-growth"):
        assert f"**Not measured yet**: `{command}`" in written


def test_a_part_measured_later_joins_the_page(tmp_path: Path) -> None:
    keep(tmp_path / FOLDER, SCENARIOS, Table("the first machine", [MISSED], []))
    keep(tmp_path / FOLDER, LONG, Table("the second machine", [MET], []))
    written = page(tmp_path)
    assert written.index("the first machine") < written.index("the second machine")
    assert written.count("**Not measured yet**") == 1


def test_what_failed_is_told_in_its_part(tmp_path: Path) -> None:
    keep(tmp_path / FOLDER, SCENARIOS, Table("a machine", [MET], ["pulls (OSError: full)"]))
    keep(tmp_path / FOLDER, GROWTH, Growth("a machine", [], ["get-by-tags (LoadFailed: 500)"]))
    written = page(tmp_path)
    assert "**Missing in this run**: pulls (OSError: full)." in written
    assert "**Missing in this run**: get-by-tags (LoadFailed: 500)." in written


def test_rows_have_medians_spreads_ratios_and_the_mark() -> None:
    _, _, missed, met = outcome_rows([MISSED, MET])
    assert missed == (
        "| GET it | requests/s | 1,000 (1,000 to 1,000) | 2,500 (2,000 to 3,000) "
        "| 90,000 (90,000 to 90,000) | 2.50 (missed) | 12 | 20 |"
    )
    assert met == "|  | s | 0.5 (0.5 to 0.5) | 0.25 (0.25 to 0.25) |  | 2.00 |  |  |"


def test_rows_of_growth_have_factors_and_mark_what_is_more_than_linear() -> None:
    head, _, original, ours, *_ = course_rows(COURSES)
    assert "| ×1 | ×10 | ×100 |" in head
    assert original == (
        "| GET it | connections, 1 to 100 | docker-registry | 1 | 2 | 40 | 2.0, 20.0 "
        "| **more than linear** |"
    )
    assert ours == "|  |  | Layerstore | 0.2 | 0.1 | 0.1 | 0.5, 1.0 | flat |"


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    for rows in (outcome_rows([MISSED, MET]), course_rows(COURSES)):
        assert len({row.count("|") for row in rows}) == 1


def test_the_page_shows_the_pictures_that_are_beside_it(tmp_path: Path) -> None:
    keep(tmp_path / FOLDER, GROWTH, Growth("a machine", COURSES, []))
    written = page(tmp_path)
    for name in ("connections.svg", "tags.svg"):
        assert f"]({FOLDER}/{name})" in written
        assert ElementTree.parse(tmp_path / FOLDER / name).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    "names", [[each.name for each in ALL_SCENARIOS], [g.name for g in GROWERS]]
)
def test_each_name_that_can_be_asked_for_is_one_of_its_kind(names: list[str]) -> None:
    assert len(names) == len(set(names))


def test_a_goal_is_never_below_its_least_and_is_set_beside_one_who_takes_part() -> None:
    for scenario in ALL_SCENARIOS:
        for figure in scenario.figures:
            assert figure.beside in scenario.contestants
            if figure.least and figure.goal:
                assert float(figure.least) <= float(figure.goal)

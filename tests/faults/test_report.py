"""The figures of the page are those that were counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.counts import Count, sums
from tests.faults.report import BEGIN, END, PAGE, filled, kept_counts

HERE = "tests/faults/test_report.py"


def test_sums_go_over_all_tests() -> None:
    counts = [Count("a", "kills", 2), Count("b", "kills", 3), Count("b", "faults", 1)]
    assert sums(counts) == {"faults": 1, "kills": 5}


def test_a_page_is_filled_between_its_marked_lines_and_nowhere_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    counts = [Count(f"{HERE}::one", "kills", 999), Count(f"{HERE}::two", "kills", 1)]
    assert filled(page, counts) == (
        f"before\n{BEGIN}\n| tests | tried | times |\n|---|---|--:|\n"
        f"| [`test_report.py`](../{HERE}) | kills | 1,000 |\n{END}\nafter\n"
    )


def test_a_page_without_marked_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="figures"):
        filled("no lines", [Count(HERE, "kills", 1)])


def test_what_a_test_that_is_gone_has_counted_is_left_out(tmp_path: Path) -> None:
    for file in (HERE, "tests/faults/test_that_never_was.py"):
        kept = {"test": f"{file}::one", "counts": {"kills": 3}}
        (tmp_path / Path(file).stem).write_text(json.dumps(kept))
    assert kept_counts(tmp_path) == [Count(f"{HERE}::one", "kills", 3)]


def test_the_page_has_room_for_its_figures() -> None:
    assert filled(PAGE.read_text(), [Count(HERE, "kills", 1)]).count("kills | 1 |") == 1

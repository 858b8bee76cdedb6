"""`python -m bench`: measure, keep what was measured, write `docs/benchmarks.md` from it.

With names of scenarios or of courses it runs those, tells, and leaves the page alone.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bench.circumstances import circumstances
from bench.growth.courses import GROWERS, Grower
from bench.growth.runs import run_growers
from bench.measured import GROWTH, LONG, PARTS, SCENARIOS, Growth, Outcome, Table, keep
from bench.report import FOLDER, course_rows, outcome_rows, write_page
from bench.runs import run_all
from bench.scenario import Scenario
from bench.scenarios import SCENARIOS as ALL_SCENARIOS

DOCS = Path(__file__).parents[1] / "docs"
TURNS = 3
GROWTH_TURNS_MAX = 2

Named = TypeVar("Named")


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))
    scenarios = _chosen(options.scenario, {each.name: each for each in ALL_SCENARIOS})
    growers = _chosen(options.course, {each.name: each for each in GROWERS})
    if scenarios or growers:
        missing = _tell_table(_table(scenarios, options.turns)) if scenarios else []
        missing += _tell_growth(_growth(growers, options.turns)) if growers else []
    else:
        missing = _measure_parts(options.parts.split(","), options.turns, options.docs)
    if missing:
        sys.exit(f"missing: {'; '.join(missing)}")


def _options() -> argparse.Namespace:
    told = argparse.ArgumentParser(prog="bench", description=__doc__)
    told.add_argument("--scenario", default="", help="names of scenarios, separated by commas")
    told.add_argument("--course", default="", help="names of courses, separated by commas")
    told.add_argument("--parts", default=f"{SCENARIOS},{GROWTH}", help=f"some of {','.join(PARTS)}")
    told.add_argument("--turns", type=int, default=TURNS, help="turns of each server")
    told.add_argument("--docs", type=Path, default=DOCS, help="where the page is written")
    options = told.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        told.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def _chosen(names: str, known: Mapping[str, Named]) -> list[Named]:
    chosen = [name for name in names.split(",") if name]
    if unknown := set(chosen) - set(known):
        sys.exit(f"no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [known[name] for name in chosen]


def _measure_parts(parts: Sequence[str], turns: int, docs: Path) -> list[str]:
    """Each part is kept and the page written as soon as it was measured."""
    missing = []
    for part in parts:
        if part == GROWTH:
            growth = _growth(GROWERS, turns)
            keep(docs / FOLDER, part, growth)
            missing += _tell_growth(growth)
        else:
            chosen = [each for each in ALL_SCENARIOS if each.long == (part == LONG)]
            table = _table(chosen, turns)
            keep(docs / FOLDER, part, table)
            missing += _tell_table(table)
        write_page(docs)
    return missing


def _table(scenarios: Sequence[Scenario], turns: int) -> Table:
    load_before = os.getloadavg()[0]
    outcomes, missing = run_all(scenarios, turns)
    return Table(circumstances(turns, load_before), outcomes, missing)


def _growth(growers: Sequence[Grower], turns: int) -> Growth:
    load_before, turns = os.getloadavg()[0], min(turns, GROWTH_TURNS_MAX)
    courses, missing = run_growers(growers, turns)
    return Growth(circumstances(turns, load_before), courses, missing)


def _tell_table(table: Table) -> list[str]:
    print("\n".join([table.circumstances, *outcome_rows(table.outcomes)]))
    for missed in filter(Outcome.is_missed, table.outcomes):
        print(f"below the least: {missed.scenario}, {missed.figure.name}")
    return table.missing


def _tell_growth(growth: Growth) -> list[str]:
    print("\n".join([growth.circumstances, *course_rows(growth.courses)]))
    return growth.missing


if __name__ == "__main__":
    main()

"""`python -m bench [--scenario NAME,…] [--turns N]`: measure, tell, write `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.report import goals_missed, page
from bench.runs import run_all
from bench.scenarios import SCENARIOS

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"
TURNS = 3


def main() -> None:
    told = argparse.ArgumentParser(prog="bench", description=__doc__)
    told.add_argument("--scenario", default="", help="names, separated by commas; all if empty")
    told.add_argument("--turns", type=int, default=TURNS, help="turns of each server")
    options = told.parse_args()
    chosen = [name for name in options.scenario.split(",") if name]
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := set(chosen) - set(known):
        sys.exit(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    load_before = os.getloadavg()[0]
    outcomes = run_all([known[name] for name in chosen or known], options.turns)
    text = page(outcomes, options.turns, (load_before, os.getloadavg()[0]))
    print(text)
    if not chosen:
        PAGE.write_text(text)
    for name, figure in goals_missed(outcomes):
        print(f"below the least: {name}, {figure.name}")


main()

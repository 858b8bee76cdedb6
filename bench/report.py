"""The page that tells the outcome: `docs/benchmarks.md`."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.contestants import LAYERSTORE, NGINX, ORIGINAL
from bench.runs import Outcome
from bench.scenario import Figure
from layerstore import __version__
from tests.programs.catalogue import named
from tests.programs.finding import version

HEAD = """# Benchmarks

Layerstore beside Debian's docker-registry and, as the limit of the machine, nginx with the same
files. `make bench` runs everything and writes this page, `make bench SCENARIO=get-manifest,push-1`
runs some of it and only tells.

Every server has one worker and one core (the Go runtime sees one), the load runs on another core.
Each turn starts the server anew, in alternation (A B A B); those that read have the same storage
folder, those that write begin with an empty one, on a disk. All write their access log. Given are
the median of the turns and, in brackets, the least and the most. A ratio says how many times as
good as docker-registry Layerstore is, in the same run; the plan's least and its goal stand beside
it, and what misses the least is marked.
"""


def page(outcomes: Sequence[Outcome], turns: int, loads: tuple[float, float]) -> str:
    """The whole page. `loads` are the machine's load averages before the run and at its end."""
    rows = [_row(outcome) for outcome in outcomes]
    head = f"| scenario | figure | {ORIGINAL} | {LAYERSTORE} | {NGINX} | ratio | least | goal |"
    table = "\n".join([head, "|---|---|--:|--:|--:|--:|--:|--:|", *rows])
    return f"{HEAD}\n{_circumstances(turns, loads)}\n\n{table}\n"


def _row(outcome: Outcome) -> str:
    figure, ratio = outcome.figure, _ratio(outcome)
    mark = " (missed)" if figure.least and ratio < float(figure.least) else ""
    values = " | ".join(
        _told(outcome.values.get(name, [])) for name in (ORIGINAL, LAYERSTORE, NGINX)
    )
    title = outcome.scenario.title if outcome.scenario.figures[0] is figure else ""
    return (
        f"| {title} | {figure.name} | {values} | {ratio:.2f}{mark} "
        f"| {figure.least} | {figure.goal} |"
    )


def _ratio(outcome: Outcome) -> float:
    ours, original = (median(outcome.values[name]) for name in (LAYERSTORE, ORIGINAL))
    over, under = (ours, original) if outcome.figure.more_is_better else (original, ours)
    return over / under if under else float("inf")


def _told(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{_short(median(values))} ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _circumstances(turns: int, loads: tuple[float, float]) -> str:
    programs = ", ".join(version(named(name)) for name in (ORIGINAL, "nginx", "wrk"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {turns} turns each; {_processor()}, "
        f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}; "
        f"Layerstore {__version__}, {programs}. "
        f"Load average before the run {loads[0]:.1f}, at its end {loads[1]:.1f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def goals_missed(outcomes: Sequence[Outcome]) -> list[tuple[str, Figure]]:
    """Scenarios with a figure below the least that was planned."""
    return [
        (outcome.scenario.name, outcome.figure)
        for outcome in outcomes
        if outcome.figure.least and _ratio(outcome) < float(outcome.figure.least)
    ]

"""The page that tells the outcome: `docs/benchmarks.md`, and the pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.contestants import LAYERSTORE, ORIGINAL
from bench.growth.courses import BY_CONNECTIONS, BY_TAGS
from bench.measured import (
    GROWTH,
    LONG,
    SCENARIOS,
    Course,
    Growth,
    Outcome,
    Table,
    factors,
    kept,
    told_growth,
)
from bench.plot import Line, drawn

FOLDER = "benchmarks"

HEAD = """# Benchmarks

Layerstore beside Debian's docker-registry and, as the limit of the machine, nginx with the same
files or what a row names. `make bench` measures everything but what takes an hour and writes this
page and what is beside it in `benchmarks/`; each part says the command that measures it alone.
`make bench SCENARIO=get-manifest,push-1` or `COURSE=list-by-tags` runs some of it and only tells.

Every server has one worker and one core (the Go runtime sees one), the load runs on another core.
Each turn starts the server anew, in alternation (A B A B); those that read have the same storage
folder, those that write begin with an empty one, on a disk. All write their access log.
"""

TABLE = """Given are the median of the turns and, in brackets, the least and the most. A ratio says
how many times as good as docker-registry (or as what the row names) Layerstore is, in the same run;
the plan's least and its goal stand beside it, and what misses the least is marked."""

COURSES = """The milliseconds of one operation, the median, at 1, 10, 100 and 1000 times the first
size; then the factor from each size to the next. Up to 2 is told as flat and up to 13 as linear,
which leaves room for chance; what is more than linear is marked."""


def write_page(docs: Path) -> None:
    """Write the page and its pictures from what is kept of each part's last run."""
    folder = docs / FOLDER
    growth = kept(folder, GROWTH, Growth)
    parts = [
        HEAD,
        _table_part("Scenarios", "make bench-scenarios", kept(folder, SCENARIOS, Table), TABLE),
        _table_part("Memory over time", "make bench-long", kept(folder, LONG, Table), ""),
        _growth_part(growth),
    ]
    if growth:
        _draw(folder, growth.courses)
    (docs / "benchmarks.md").write_text("\n".join(parts))


def _table_part(title: str, command: str, table: Table | None, text: str) -> str:
    if table is None:
        return _unmeasured(title, command)
    lines = [f"## {title}", "", f"`{command}`. {text}".rstrip(), "", table.circumstances, ""]
    return "\n".join([*lines, *_missing(table.missing), *outcome_rows(table.outcomes)]) + "\n"


def _growth_part(growth: Growth | None) -> str:
    title, command = "Cost as work grows", "make bench-growth"
    if growth is None:
        return _unmeasured(title, command)
    lines = [f"## {title}", "", f"`{command}`. {COURSES}", "", growth.circumstances, ""]
    pictures = [
        f"![{picture.title}]({FOLDER}/{picture.file})\n" for picture in _pictures(growth.courses)
    ]
    rows = course_rows(growth.courses)
    return "\n".join([*lines, *_missing(growth.missing), *rows, "", *pictures])


def _unmeasured(title: str, command: str) -> str:
    return f"## {title}\n\n**Not measured yet**: `{command}` measures it and adds it here.\n"


def _missing(names: Sequence[str]) -> list[str]:
    return [f"**Missing in this run**: {'; '.join(names)}.", ""] if names else []


def outcome_rows(outcomes: Sequence[Outcome]) -> list[str]:
    """A table of Markdown; a scenario's title stands in its first row alone."""
    head = f"| scenario | figure | {ORIGINAL} | {LAYERSTORE} | limit | ratio | least | goal |"
    lines = [head, "|---|---|--:|--:|--:|--:|--:|--:|"]
    told = ""
    for outcome in outcomes:
        title = "" if outcome.scenario == told else outcome.title
        told = outcome.scenario
        lines.append(_outcome_row(title, outcome))
    return lines


def _outcome_row(title: str, outcome: Outcome) -> str:
    figure, ratio = outcome.figure, outcome.ratio()
    limits = [name for name in outcome.values if name not in (ORIGINAL, LAYERSTORE)]
    limit = _spread(outcome.values[limits[0]]) if limits else ""
    servers = " | ".join(_spread(outcome.values.get(name, [])) for name in (ORIGINAL, LAYERSTORE))
    times = "" if ratio is None else f"{ratio:.2f}{' (missed)' if outcome.is_missed() else ''}"
    return (
        f"| {title} | {figure.name} | {servers} | {limit} | {times} "
        f"| {figure.least} | {figure.goal} |"
    )


def course_rows(courses: Sequence[Course]) -> list[str]:
    """A table of Markdown, a line for each server."""
    sizes = courses[0].sizes if courses else []
    scales = " | ".join(f"×{size // sizes[0]:,}" for size in sizes)
    head = f"| what | what grows | server | {scales} | factors | growth |"
    lines = [head, f"|---|---|---|{'--:|' * len(sizes)}---|---|"]
    for course in courses:
        first = True
        for name, ms in course.ms.items():
            lines.append(_course_row(course, name, ms, first))
            first = False
    return lines


def _course_row(course: Course, name: str, ms: Sequence[float], first: bool) -> str:
    span = f"{course.grows}, {course.sizes[0]:,} to {course.sizes[-1]:,}"
    what = f"{course.title} | {span}" if first else " | "
    growth = told_growth(ms)
    mark = f"**{growth}**" if growth.startswith("more") else growth
    steps = ", ".join(f"{factor:.1f}" for factor in factors(ms))
    return f"| {what} | {name} | {' | '.join(map(_short, ms))} | {steps} | {mark} |"


class _Picture:
    """A course as a picture."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.is_rate = course.name == BY_CONNECTIONS
        self.file = f"{'connections' if self.is_rate else 'tags'}.svg"
        self.title = (
            "Manifests a second against connections"
            if self.is_rate
            else "Time for a page of tags against their number"
        )

    def drawn(self) -> str:
        up = "answers per second" if self.is_rate else "milliseconds"
        lines = [
            Line(name, [(x, self._up(y)) for x, y in zip(self.course.sizes, ms, strict=True)])
            for name, ms in self.course.ms.items()
        ]
        return drawn(self.title, self.course.grows, up, lines)

    def _up(self, ms: float) -> float:
        return 1000 / ms if self.is_rate else ms


def _pictures(courses: Sequence[Course]) -> list[_Picture]:
    return [_Picture(course) for course in courses if course.name in (BY_CONNECTIONS, BY_TAGS)]


def _draw(folder: Path, courses: Sequence[Course]) -> None:
    for picture in _pictures(courses):
        (folder / picture.file).write_text(picture.drawn())


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{_short(median(values))} ({_short(min(values))} to {_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"

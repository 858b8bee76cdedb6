"""Lines over two logarithmic axes as an SVG picture, readable on light and on dark pages.

Knows nothing of what is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 84, 560, 56, 360
LABEL_GAP = 18
COLOURS = (("#b35900", "#f0a050"), ("#0b5fc4", "#6cb0ff"), ("#5b6470", "#a9b3bf"))
"""Of each line, on a light and on a dark page; one line more would be drawn as the first."""


@dataclass(frozen=True)
class Line:
    """A named line; every value is above zero."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """Values between whole powers of ten, spread over pixels from `start` to `end`."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> Axis:
        low = math.floor(math.log10(min(values)) + 1e-9)
        high = math.ceil(math.log10(max(values)) - 1e-9)
        return cls(low, max(high, low + 1), start, end)

    def at(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def drawn(title: str, across: str, up: str, lines: Sequence[Line]) -> str:
    """The picture; `across` and `up` are what the axes mean, with their units."""
    points = [point for line in lines for point in line.points]
    xs = Axis.over([x for x, _ in points], LEFT, RIGHT)
    ys = Axis.over([y for _, y in points], BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">',
        _style(len(lines)),
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 28, title, "title"),
        *_across(xs, across),
        *_up(ys, up),
        *(_line(number, line, xs, ys) for number, line in enumerate(lines)),
        *_names(lines, ys),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style(lines: int) -> str:
    def rules(paper: str, ink: str, grid: str, mode: int) -> str:
        coloured = "".join(
            f".l{number}{{stroke:{COLOURS[number % len(COLOURS)][mode]}}}"
            f".n{number}{{fill:{COLOURS[number % len(COLOURS)][mode]}}}"
            for number in range(lines)
        )
        return f".paper{{fill:{paper}}}text{{fill:{ink}}}.grid{{stroke:{grid}}}{coloured}"

    return (
        "<style>text{font-family:sans-serif;font-size:13px}.title{font-size:16px;font-weight:bold}"
        ".line{fill:none;stroke-width:2.5}.name{font-weight:bold}"
        f"{rules('#ffffff', '#24292f', '#d8dee4', 0)}"
        f"@media (prefers-color-scheme:dark){{{rules('#0d1117', '#e6edf3', '#30363d', 1)}}}"
        "</style>"
    )


def _across(axis: Axis, meaning: str) -> list[str]:
    drawn_ticks = [
        part
        for tick in axis.ticks()
        for part in (
            _rule(axis.at(tick), TOP, axis.at(tick), BOTTOM),
            _text(axis.at(tick), BOTTOM + 20, _number(tick), "tick", "middle"),
        )
    ]
    return [*drawn_ticks, _text((LEFT + RIGHT) / 2, BOTTOM + 44, meaning, "meaning", "middle")]


def _up(axis: Axis, meaning: str) -> list[str]:
    drawn_ticks = [
        part
        for tick in axis.ticks()
        for part in (
            _rule(LEFT, axis.at(tick), RIGHT, axis.at(tick)),
            _text(LEFT - 8, axis.at(tick) + 4, _number(tick), "tick", "end"),
        )
    ]
    return [*drawn_ticks, _text(LEFT, TOP - 10, meaning, "meaning")]


def _line(number: int, line: Line, xs: Axis, ys: Axis) -> str:
    at = [(xs.at(x), ys.at(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    dots = "".join(f'<circle class="n{number}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in at)
    return f'<polyline class="line l{number}" points="{path}"/>{dots}'


def _names(lines: Sequence[Line], ys: Axis) -> list[str]:
    """Each at the end of its line, moved down where two would cover each other."""
    ends = sorted((ys.at(line.points[-1][1]), number) for number, line in enumerate(lines))
    told: list[str] = []
    free = 0.0
    for wanted, number in ends:
        y = max(wanted, free)
        free = y + LABEL_GAP
        told.append(_text(RIGHT + 12, y + 4, lines[number].name, f"name n{number}"))
    return told


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, said: str, kind: str, anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {where}>{escape(said)}</text>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"

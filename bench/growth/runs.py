"""Runs growers: for each size every contestant in turn, with a server that starts anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from statistics import median

from bench.contestants import on_core, served
from bench.growth.courses import Grower
from bench.growth.stock import GrownStock, grown_stock
from bench.load import greet
from bench.measured import Course
from bench.runs import FAILURES, because, bench_folder
from bench.settings import SCALE


def run_growers(growers: Sequence[Grower], turns: int) -> tuple[list[Course], list[str]]:
    """Measure; tells on standard output how far it is. Answers what is missing, too, and why."""
    courses: list[Course] = []
    missing: list[str] = []
    with bench_folder() as folder:
        stock = grown_stock(folder)
        os.sync()
        for grower in growers:
            try:
                courses.append(_run(grower, stock, turns))
            except FAILURES as failure:
                missing.append(because(grower.name, failure))
    return courses, missing


def _run(grower: Grower, stock: GrownStock, turns: int) -> Course:
    sizes = [grower.first * scale for scale in SCALE]
    ms: dict[str, list[float]] = {name: [] for name in grower.contestants}
    for size in sizes:
        seen: dict[str, list[float]] = {name: [] for name in grower.contestants}
        for _ in range(turns):
            for name in grower.contestants:
                seen[name].append(_turn(grower, name, stock, size))
        for name in grower.contestants:
            ms[name].append(median(seen[name]))
            told = " ".join(f"{each:12.3f}" for each in seen[name])
            print(f"{grower.name:24}{size:12,} {name:18}{told}", flush=True)
    return Course(grower.name, grower.title, grower.grows, sizes, ms)


def _turn(grower: Grower, contestant: str, stock: GrownStock, size: int) -> float:
    root = stock.crowded(size) if grower.is_crowded else stock.root
    with served(contestant, root, {}) as server, on_core(-1):
        greet(server, False)
        return grower.measure(server, stock, size)

"""What a gigabyte pushed costs, beside two programs that do only what has to be done with it."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path

from bench.contestants import Running, on_core
from bench.pushing import Bulk, Pusher
from bench.scenario import Cost, Figure, Scenario, Yardstick
from bench.stock import Stock
from tests.programs import need

PUSHED_BYTES = 1000 * 1000 * 1000
OPENSSL_AND_CP = "openssl and cp"


def _push(server: Running, _: Stock) -> tuple[float, ...]:
    bulk = Bulk.made(os.urandom(PUSHED_BYTES))
    pusher = Pusher(server, "bench/gigabyte")
    cost = Cost.of(server)
    began = time.perf_counter()
    pusher.blob(bulk)
    seconds = time.perf_counter() - began
    pusher.close()
    return cost.seconds(), seconds


def _openssl_and_cp(folder: Path) -> tuple[float, ...]:
    """`openssl dgst -sha256` and `cp` of a file of the same size, and a sync of the copy."""
    file, copy = folder / "file", folder / "copy"
    file.write_bytes(os.urandom(PUSHED_BYTES))
    subprocess.run(["sync", file], check=True)
    before, began = _children_seconds(), time.perf_counter()
    commands: list[list[str | Path]] = [
        [need("openssl"), "dgst", "-sha256", file],
        ["cp", file, copy],
        ["sync", copy],
    ]
    with on_core(0):
        for command in commands:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _children_seconds() - before, time.perf_counter() - began


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


SCENARIOS = (
    Scenario(
        "push-gigabyte",
        "push a blob of 1 GB (limit: openssl dgst -sha256, cp and sync of the file)",
        (
            Figure(
                "processor seconds; ratio beside openssl and cp",
                more_is_better=False,
                least="0.625",
                goal="0.77",
                beside=OPENSSL_AND_CP,
            ),
            Figure("s", more_is_better=False),
        ),
        _push,
        yardstick=Yardstick(OPENSSL_AND_CP, _openssl_and_cp),
        writes=True,
    ),
)

"""Content on its way out: whole blobs, plain and over TLS, and ranges of a large one."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from bench.contestants import Running
from bench.load import ask_repeatedly, beside_each_other, pull, request
from bench.scenario import ALL_THREE, Cost, Figure, Scenario
from bench.stock import LARGE_BYTES, Stock

TURNS = {1: 8, 16: 1}
"""How many blobs each client pulls one after the other, for one client and for sixteen."""

RANGE_BYTES = 64 * 1024
RANGE_CONNECTIONS = 16
RANGE_SECONDS = 3.0


def _pull(clients: int, is_tls: bool, server: Running, stock: Stock) -> tuple[float, ...]:
    target = stock.blob_target(server, stock.layer.digest)

    def transfer(_: int) -> None:
        for _turn in range(TURNS[clients]):
            pull(server, target, stock.layer.size, is_tls)

    cost = Cost.of(server)
    seconds = beside_each_other(transfer, clients)
    size = stock.layer.size * clients * TURNS[clients]
    return size / 1e6 / seconds, cost.seconds() / (size / 1e9)


def _random_range(server: Running, target: str) -> Callable[[], bytes]:
    def asked() -> bytes:
        first = secrets.randbelow(LARGE_BYTES - RANGE_BYTES)
        span = f"Range: bytes={first}-{first + RANGE_BYTES - 1}"
        return request(server, "GET", target, [span])

    return asked


def _ranges(server: Running, stock: Stock) -> tuple[float, ...]:
    asked = _random_range(server, stock.blob_target(server, stock.large.digest))
    cost = Cost.of(server)
    rate = ask_repeatedly(server, asked, RANGE_CONNECTIONS, RANGE_SECONDS)
    used = cost.seconds() * 1e6 / (rate.per_second * RANGE_SECONDS)
    return rate.per_second, rate.p99_ms, used


def _pulling(clients: int, is_tls: bool, least: str, goal: str) -> Scenario:
    name = f"pull{'-tls' if is_tls else ''}-{clients}"
    title = f"pull a blob of 100 MB, {clients} at a time{', over TLS' if is_tls else ''}"
    figures = (
        Figure("MB/s", least=least, goal=goal),
        Figure("processor seconds per GB", more_is_better=False, least="" if is_tls else "0.67"),
    )
    return Scenario(
        name, title, figures, partial(_pull, clients, is_tls), ALL_THREE, needs_tls=is_tls
    )


SCENARIOS = (
    _pulling(1, False, "0.75", "1.0"),
    _pulling(16, False, "0.9", "1.0"),
    _pulling(1, True, "1.0", "1.3"),
    _pulling(16, True, "1.0", "1.3"),
    Scenario(
        "ranges",
        f"ranges of 64 KiB at random from a blob of 1 GiB, {RANGE_CONNECTIONS} connections",
        (
            Figure("requests/s", least="4", goal="10"),
            Figure("p99, ms", more_is_better=False),
            Figure("processor ms per 1000 requests", more_is_better=False),
        ),
        _ranges,
        ALL_THREE,
        needs_large=True,
    ),
)

"""What the servers hold in memory: doing nothing, with many connections, with many pushes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait

from bench.contestants import Running
from bench.load import wrk
from bench.pushing import Bulk, Pusher
from bench.scenario import Figure, Scenario
from bench.scenarios.small import ACCEPTED
from bench.stock import MIB, Stock

CONNECTIONS = 200
SECONDS = 3.0
PUSHES = 16
PUSHED_BYTES = 128 * MIB
SAMPLE_SECONDS = 0.1
LEAST, GOAL = "0.5", "0.67"


def _idle(server: Running, _: Stock) -> tuple[float, ...]:
    return (server.memory_mib(),)


def _crowded(server: Running, stock: Stock) -> tuple[float, ...]:
    with ThreadPoolExecutor(1) as threads:
        target = stock.manifest_target(server)
        asking = threads.submit(wrk, server, target, [ACCEPTED], CONNECTIONS, SECONDS)
        most = server.memory_mib()
        while wait([asking], SAMPLE_SECONDS).not_done:
            most = max(most, server.memory_mib())
        asking.result()
    return (most,)


def _pushed_to(server: Running, _: Stock) -> tuple[float, ...]:
    filling = os.urandom(PUSHED_BYTES)

    def transfer(number: int) -> None:
        pusher = Pusher(server, f"bench/push-{number}")
        pusher.blob(Bulk.made(filling))
        pusher.close()

    with ThreadPoolExecutor(PUSHES) as threads:
        pushes = [threads.submit(transfer, number) for number in range(PUSHES)]
        most = server.memory_mib()
        while wait(pushes, SAMPLE_SECONDS).not_done:
            most = max(most, server.memory_mib())
        for push in pushes:
            push.result()
    return (most,)


def _figure() -> tuple[Figure, ...]:
    return (Figure("MiB at most", more_is_better=False, least=LEAST, goal=GOAL),)


SCENARIOS = (
    Scenario("memory-idle", "memory, idle, one worker", _figure(), _idle),
    Scenario("memory-200", f"memory, {CONNECTIONS} connections", _figure(), _crowded),
    Scenario(
        "memory-pushes", f"memory, {PUSHES} pushes of 128 MiB", _figure(), _pushed_to, writes=True
    ),
)

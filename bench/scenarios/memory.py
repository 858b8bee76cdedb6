"""What the servers hold in memory: at rest, with many connections, with many pushes, over time."""

from __future__ import annotations

import os
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import count, takewhile
from threading import Event

from bench.contestants import Running
from bench.load import pull, wrk
from bench.pushing import Bulk, Pusher
from bench.scenario import Figure, Scenario
from bench.scenarios.small import ACCEPTED
from bench.settings import MINUTES, PUSH_MIB
from bench.stock import MIB, Stock

CONNECTIONS = 200
SECONDS = 3.0
PUSHES = 16
PUSHED_BYTES = PUSH_MIB * MIB
SAMPLE_SECONDS = 0.1

LONG_CLIENTS = 4
LONG_IMAGES = 20
LONG_LAYERS = 2
LONG_LAYER_BYTES = 4 * MIB
LONG_SAMPLE_SECONDS = 1.0
FIRST_SECONDS = min(60.0, MINUTES * 30)
"""When the long scenario looks first: after a minute, in a rehearsal at half its time."""

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


def _for_long(server: Running, _: Stock) -> tuple[float, ...]:
    """After a minute, at the end, at most. The same images come again: the disk does not fill."""
    is_over = Event()
    began = time.perf_counter()
    samples = [(0.0, server.memory_mib())]
    with ThreadPoolExecutor(LONG_CLIENTS) as threads:
        going = [threads.submit(_come_and_go, server, n, is_over) for n in range(LONG_CLIENTS)]
        try:
            while samples[-1][0] < MINUTES * 60 and not any(client.done() for client in going):
                wait(going, LONG_SAMPLE_SECONDS, FIRST_COMPLETED)
                samples.append((time.perf_counter() - began, server.memory_mib()))
        finally:
            is_over.set()
        for client in going:
            client.result()
    early = [mib for at, mib in samples if at <= FIRST_SECONDS]
    return early[-1], samples[-1][1], max(mib for _, mib in samples)


def _come_and_go(server: Running, number: int, is_over: Event) -> None:
    """Push images and pull what was pushed, until it is over."""
    filling = os.urandom(LONG_LAYER_BYTES)
    images = [[Bulk.made(filling) for _ in range(LONG_LAYERS)] for _ in range(LONG_IMAGES)]
    config = Bulk.made(b"{}")
    repository = f"bench/long-{number}"
    pusher = Pusher(server, repository)
    for turn in takewhile(lambda _: not is_over.is_set(), count()):
        layers = images[turn % LONG_IMAGES]
        pusher.image(config, layers, f"v{turn % LONG_IMAGES}")
        for layer in layers:
            pull(server, f"/v2/{repository}/blobs/{layer.digest}", layer.size, False)
    pusher.close()


def _figure() -> tuple[Figure, ...]:
    return (Figure("MiB at most", more_is_better=False, least=LEAST, goal=GOAL),)


SCENARIOS = (
    Scenario("memory-idle", "memory, idle, one worker", _figure(), _idle),
    Scenario("memory-200", f"memory, {CONNECTIONS} connections", _figure(), _crowded),
    Scenario(
        "memory-pushes",
        f"memory, {PUSHES} pushes of {PUSH_MIB:,} MiB (one turn)",
        _figure(),
        _pushed_to,
        writes=True,
        turns_max=1,
        needs_bytes=2 * PUSHES * PUSHED_BYTES + 2**30,
    ),
    Scenario(
        "memory-long",
        f"memory, images pushed and pulled for {MINUTES:g} minutes by {LONG_CLIENTS} (one turn)",
        (
            Figure(f"MiB after {FIRST_SECONDS:.0f} s", more_is_better=False),
            Figure("MiB at the end", more_is_better=False, least=LEAST, goal=GOAL),
            Figure("MiB at most", more_is_better=False, least=LEAST, goal=GOAL),
        ),
        _for_long,
        writes=True,
        long=True,
        turns_max=1,
    ),
)

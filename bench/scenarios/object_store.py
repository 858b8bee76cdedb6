"""The same on S3: content in, content through the registry, a manifest by tag.

Both store on one versitygw of the same run, which shares the load's core. Each turn begins with an
empty bucket, and what it reads it has pushed before.
"""

from __future__ import annotations

import os

from bench.contestants import Running
from bench.load import beside_each_other, pull, wrk
from bench.pushing import MANIFEST, Bulk, Pusher
from bench.scenario import Cost, Figure, Scenario
from bench.stock import LAYER_BYTES, Stock

CLIENTS = 4
CONNECTIONS = 16
SECONDS = 3.0
SMALL_BYTES = 2000
REPOSITORY = "bench/s3"


def _push(server: Running, _: Stock) -> tuple[float, ...]:
    filling = os.urandom(LAYER_BYTES)
    blobs = [Bulk.made(filling) for _ in range(CLIENTS)]

    def transfer(number: int) -> None:
        pusher = Pusher(server, REPOSITORY)
        pusher.blob(blobs[number])
        pusher.close()

    cost = Cost.of(server)
    seconds = beside_each_other(transfer, CLIENTS)
    size = LAYER_BYTES * CLIENTS
    return size / 1e6 / seconds, cost.seconds() / (size / 1e9)


def _pull(server: Running, _: Stock) -> tuple[float, ...]:
    bulk = Bulk.made(os.urandom(LAYER_BYTES))
    pusher = Pusher(server, REPOSITORY)
    pusher.blob(bulk)
    pusher.close()
    target = f"/v2/{REPOSITORY}/blobs/{bulk.digest}"
    cost = Cost.of(server)
    seconds = beside_each_other(lambda _: pull(server, target, bulk.size, False), CLIENTS)
    size = bulk.size * CLIENTS
    return size / 1e6 / seconds, cost.seconds() / (size / 1e9)


def _get_manifest(server: Running, _: Stock) -> tuple[float, ...]:
    config, layer = (Bulk.made(os.urandom(SMALL_BYTES)) for _ in range(2))
    pusher = Pusher(server, REPOSITORY)
    pusher.image(config, [layer], "v1")
    pusher.close()
    cost = Cost.of(server)
    target = f"/v2/{REPOSITORY}/manifests/v1"
    rate = wrk(server, target, [f"Accept: {MANIFEST}"], CONNECTIONS, SECONDS)
    return rate.per_second, rate.p99_ms, cost.seconds() * 1e6 / (rate.per_second * SECONDS)


_TRANSFER = (
    Figure("MB/s"),
    Figure("processor seconds per GB", more_is_better=False),
)

SCENARIOS = (
    Scenario(
        "push-s3",
        f"on S3: push blobs of 100 MB, {CLIENTS} at a time",
        _TRANSFER,
        _push,
        writes=True,
        on_s3=True,
    ),
    Scenario(
        "pull-s3",
        f"on S3: pull a blob of 100 MB through the registry, {CLIENTS} at a time",
        _TRANSFER,
        _pull,
        writes=True,
        on_s3=True,
    ),
    Scenario(
        "get-manifest-s3",
        f"on S3: GET a manifest by tag, {CONNECTIONS} connections",
        (
            Figure("requests/s"),
            Figure("p99, ms", more_is_better=False),
            Figure("processor ms per 1000 requests", more_is_better=False),
        ),
        _get_manifest,
        writes=True,
        on_s3=True,
    ),
)

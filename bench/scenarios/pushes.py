"""Content on its way in: large blobs, and images of a few small ones."""

from __future__ import annotations

import os
from functools import partial

from bench.contestants import Running
from bench.load import beside_each_other
from bench.pushing import Bulk, Pusher
from bench.scenario import Cost, Figure, Scenario
from bench.stock import LAYER_BYTES, Stock

SMALL_BYTES = 16 * 1024
SMALL_CLIENTS = 8
IMAGES_EACH = 12
LAYERS_EACH = 2
LARGE_TURNS = {1: 4, 8: 1}


def _push_large(clients: int, server: Running, _: Stock) -> tuple[float, ...]:
    filling = os.urandom(LAYER_BYTES)
    turns = LARGE_TURNS[clients]
    blobs = [[Bulk.made(filling) for _ in range(turns)] for _ in range(clients)]

    def transfer(number: int) -> None:
        pusher = Pusher(server, f"bench/push-{number}")
        for bulk in blobs[number]:
            pusher.blob(bulk)
        pusher.close()

    cost = Cost.of(server)
    seconds = beside_each_other(transfer, clients)
    size = LAYER_BYTES * clients * turns
    return size / 1e6 / seconds, cost.seconds() / (size / 1e9)


def _push_small(server: Running, _: Stock) -> tuple[float, ...]:
    filling = os.urandom(SMALL_BYTES)

    def transfer(number: int) -> None:
        pusher = Pusher(server, f"bench/small-{number}")
        for image in range(IMAGES_EACH):
            config, *layers = (Bulk.made(filling) for _ in range(1 + LAYERS_EACH))
            pusher.image(config, layers, f"v{image}")
        pusher.close()

    cost = Cost.of(server)
    seconds = beside_each_other(transfer, SMALL_CLIENTS)
    images = SMALL_CLIENTS * IMAGES_EACH
    return images / seconds, cost.seconds() * 1000 / images


def _pushing(clients: int) -> Scenario:
    return Scenario(
        f"push-{clients}",
        f"push blobs of 100 MB (POST, PATCH, PUT), {clients} at a time",
        (
            Figure("MB/s", least="1.8", goal="2.5"),
            Figure("processor seconds per GB", more_is_better=False),
        ),
        partial(_push_large, clients),
        writes=True,
    )


SCENARIOS = (
    _pushing(1),
    _pushing(8),
    Scenario(
        "push-small",
        f"push images of 3 blobs and a manifest, {SMALL_CLIENTS} at a time",
        (
            Figure("images/s", least="3", goal="6"),
            Figure("processor ms per image", more_is_better=False),
        ),
        _push_small,
        writes=True,
    ),
)

"""Which operation is measured while what grows. Each tells the milliseconds of one operation."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TypeVar

from bench.contestants import Running
from bench.growth.stock import (
    BLOB_BYTES_FIRST,
    BLOBS,
    LAYERED,
    REPOSITORIES_FIRST,
    TAGS_FIRST,
    GrownStock,
    repository,
    tagged,
)
from bench.load import answer_ms, beside_each_other, connect, expect, pull, request, wrk
from bench.pushing import Bulk, Pusher
from bench.scenario import ALL_THREE, OURS_AND_ORIGINAL
from bench.scenarios.small import ACCEPTED
from bench.settings import GROWTH_SECONDS
from bench.stock import TAG, blob_target

TIMES_MIN = 3
SMALL_BYTES = 16 * 1000
PAGE = 50
CATALOG_PAGE = 5
CONNECTED_SECONDS = 4 * GROWTH_SECONDS
IMAGES_MIN = 24

Measure = Callable[[Running, GrownStock, int], float]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Grower:
    """One operation, and one thing that grows from `first`; `measure` is given its size.

    With `is_crowded` the size is the number of repositories of the storage that is served.
    """

    name: str
    title: str
    grows: str
    first: int
    measure: Measure
    contestants: tuple[str, ...] = OURS_AND_ORIGINAL
    is_crowded: bool = False


def _asked(method: str, target: Callable[[int], str]) -> Measure:
    def measure(server: Running, _: GrownStock, size: int) -> float:
        asked = request(server, method, target(size), [ACCEPTED])
        return answer_ms(server, asked, GROWTH_SECONDS, TIMES_MIN)

    return measure


def _manifest_of_layers(size: int) -> str:
    return f"/v2/{LAYERED}/manifests/of-{size}"


def _manifest_among_tags(size: int) -> str:
    return f"/v2/{tagged(size)}/manifests/{TAG}"


def _manifest_among_repositories(_: int) -> str:
    return f"/v2/{repository(0)}/manifests/{TAG}"


def _page_of_tags(size: int) -> str:
    """A whole page that begins in the middle."""
    return f"/v2/{tagged(size)}/tags/list?n={PAGE}&last=v{size // 2 - 2:06}"


def _page_of_catalog(size: int) -> str:
    return f"/v2/_catalog?n={CATALOG_PAGE}&last={repository(size // 2 - 1)}"


def _head_blob(server: Running, stock: GrownStock, size: int) -> float:
    asked = request(server, "HEAD", blob_target(server, BLOBS, stock.blobs[size].digest))
    return answer_ms(server, asked, GROWTH_SECONDS, TIMES_MIN)


def _get_by_many(server: Running, stock: GrownStock, size: int) -> float:
    """Milliseconds from one answer to the next, whoever gets it: 1000 by the throughput."""
    target = stock.manifest_target(server, 1)
    return 1000 / wrk(server, target, [ACCEPTED], size, CONNECTED_SECONDS).per_second


def _page_after_push(server: Running, stock: GrownStock, size: int) -> float:
    pusher = Pusher(server, tagged(size))
    connection = connect(server)

    def list_tags(_: None) -> None:
        connection.request("GET", _page_of_tags(size))
        expect(connection.getresponse(), 200).read()

    taken = _median_ms(lambda: pusher.manifest(stock.manifest(1), _new_tag()), list_tags)
    connection.close()
    pusher.close()
    return taken


def _push_image(name: Callable[[int], str], server: Running, _: GrownStock, size: int) -> float:
    filling = os.urandom(SMALL_BYTES)
    pusher = Pusher(server, name(size))
    taken = _median_ms(
        lambda: [Bulk.made(filling) for _ in range(3)],
        lambda bulks: pusher.image(bulks[0], bulks[1:], _new_tag()),
    )
    pusher.close()
    return taken


def _push_by_many(server: Running, _: GrownStock, size: int) -> float:
    """Milliseconds from one image to the next, whoever pushes it: 1000 by the throughput."""
    filling = os.urandom(SMALL_BYTES)
    each = -(-IMAGES_MIN // size)

    def transfer(number: int) -> None:
        pusher = Pusher(server, f"growth/by-{number % 100}")
        for _ in range(each):
            config, *layers = (Bulk.made(filling) for _ in range(3))
            pusher.image(config, layers, _new_tag())
        pusher.close()

    return beside_each_other(transfer, size) * 1000 / (each * size)


def _push_manifest(server: Running, stock: GrownStock, size: int) -> float:
    pusher = Pusher(server, LAYERED)
    content = stock.manifest(size)
    taken = _median_ms(_new_tag, lambda tag: pusher.manifest(content, tag))
    pusher.close()
    return taken


def _pull_blob(server: Running, stock: GrownStock, size: int) -> float:
    blob = stock.blobs[size]
    target = blob_target(server, BLOBS, blob.digest)
    return _median_ms(lambda: target, lambda target: pull(server, target, blob.size, False))


def _push_blob(server: Running, stock: GrownStock, size: int) -> float:
    filling = os.urandom(size)
    pusher = Pusher(server, BLOBS)
    taken = _median_ms(lambda: Bulk.made(filling), pusher.blob)
    pusher.close()
    return taken


def _new_tag() -> str:
    return f"new-{secrets.token_hex(8)}"


def _median_ms(prepare: Callable[[], Made], once: Callable[[Made], None]) -> float:
    """The median time of `once` alone, for GROWTH_SECONDS and at least TIMES_MIN times."""
    taken: list[float] = []
    end = time.perf_counter() + GROWTH_SECONDS
    while len(taken) < TIMES_MIN or time.perf_counter() < end:
        made = prepare()
        began = time.perf_counter()
        once(made)
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


LAYERS, TAGS = "layers in the manifest", "tags in the repository"
STORED, BYTES = "repositories in the storage", "bytes"
CONNECTIONS, CLIENTS = "connections", "clients"

BY_CONNECTIONS, BY_TAGS = "get-by-connections", "list-by-tags"
"""The two that are drawn."""

GROWERS = (
    Grower("get-by-layers", "GET a manifest", LAYERS, 1, _asked("GET", _manifest_of_layers)),
    Grower("get-by-tags", "GET a manifest", TAGS, TAGS_FIRST, _asked("GET", _manifest_among_tags)),
    Grower(
        "get-by-repositories",
        "GET a manifest",
        STORED,
        REPOSITORIES_FIRST,
        _asked("GET", _manifest_among_repositories),
        is_crowded=True,
    ),
    Grower(
        BY_CONNECTIONS,
        "GET a manifest, ms from answer to answer",
        CONNECTIONS,
        1,
        _get_by_many,
        ALL_THREE,
    ),
    Grower("head-by-layers", "HEAD a manifest", LAYERS, 1, _asked("HEAD", _manifest_of_layers)),
    Grower("head-by-size", "HEAD a blob", BYTES, BLOB_BYTES_FIRST, _head_blob),
    Grower(BY_TAGS, f"a page of {PAGE} tags", TAGS, TAGS_FIRST, _asked("GET", _page_of_tags)),
    Grower(
        "list-after-push",
        f"a page of {PAGE} tags right after a push",
        TAGS,
        TAGS_FIRST,
        _page_after_push,
    ),
    Grower(
        "catalog-by-repositories",
        f"a page of {CATALOG_PAGE} repositories of the catalog",
        STORED,
        REPOSITORIES_FIRST,
        _asked("GET", _page_of_catalog),
        is_crowded=True,
    ),
    Grower("push-by-tags", "push a small image", TAGS, TAGS_FIRST, partial(_push_image, tagged)),
    Grower(
        "push-by-repositories",
        "push a small image",
        STORED,
        REPOSITORIES_FIRST,
        partial(_push_image, lambda _: repository(0)),
        is_crowded=True,
    ),
    Grower(
        "push-by-clients", "push small images, ms from image to image", CLIENTS, 1, _push_by_many
    ),
    Grower("put-by-layers", "PUT a manifest", LAYERS, 1, _push_manifest),
    Grower("pull-by-size", "pull a blob", BYTES, BLOB_BYTES_FIRST, _pull_blob),
    Grower("push-by-size", "push a blob", BYTES, BLOB_BYTES_FIRST, _push_blob),
)

"""What grows, once for each size: layers of a manifest, tags, blobs, repositories of a storage.

Written by docker-registry itself; many tags and many repositories are hard links to the first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import ORIGINAL, Running, served
from bench.load import beside_each_other
from bench.pushing import Bulk, Pusher, digest_of, manifest_of
from bench.settings import SCALE
from bench.stock import REPOSITORIES, TAG, blob_target, multiply, tags_of

LAYERED, BLOBS = "growth/layers", "growth/blobs"
LAYER_BYTES = 2000
TAGS_FIRST, REPOSITORIES_FIRST, BLOB_BYTES_FIRST = 100, 10, 100 * 1000
WRITERS = 8


@dataclass(frozen=True)
class GrownStock:
    """The storage folder, the folders of `crowded` by number of repositories, the content."""

    folder: Path
    config: Bulk
    layers: list[Bulk]
    blobs: dict[int, Bulk]

    @property
    def root(self) -> Path:
        """Where everything is but the repositories that are many."""
        return self.folder / "growth"

    def crowded(self, repositories: int) -> Path:
        """A storage folder with that many repositories."""
        return self.folder / f"repositories-{repositories}"

    def manifest(self, layers: int) -> bytes:
        return manifest_of(self.config, self.layers[:layers])

    def manifest_target(self, server: Running, layers: int) -> str:
        """The manifest with that many layers; nginx has the file of its bytes."""
        file = blob_target(server, LAYERED, digest_of(self.manifest(layers)))
        return f"/v2/{LAYERED}/manifests/of-{layers}" if file.startswith("/v2/") else file


def tagged(tags: int) -> str:
    """The repository with that many tags."""
    return f"growth/tags-{tags}"


def repository(number: int) -> str:
    """One of the many repositories of a crowded storage."""
    return f"growth/r{number:06}"


def grown_stock(folder: Path) -> GrownStock:
    """Fill storage folders below `folder`."""
    config = Bulk.made(b"{}" * 500)
    filling = os.urandom(LAYER_BYTES)
    layers = [Bulk.made(filling) for _ in range(max(SCALE))]
    sizes = [BLOB_BYTES_FIRST * scale for scale in SCALE]
    stock = GrownStock(folder, config, layers, {n: Bulk.made(os.urandom(n)) for n in sizes})
    with served(ORIGINAL, stock.root, {}) as server:
        _push_layered(server, stock)
        _with(server, BLOBS, lambda pusher: _push_all(pusher, list(stock.blobs.values())))
        for scale in SCALE:
            name = tagged(TAGS_FIRST * scale)
            _with(server, name, lambda pusher: pusher.image(config, layers[:1], TAG))
            multiply(tags_of(stock.root, name), TAGS_FIRST * scale)
    for scale in SCALE:
        _crowd(stock, REPOSITORIES_FIRST * scale)
    return stock


def _push_layered(server: Running, stock: GrownStock) -> None:
    def write(writer: int) -> None:
        _with(server, LAYERED, lambda pusher: _push_all(pusher, stock.layers[writer::WRITERS]))

    beside_each_other(write, WRITERS)
    pusher = Pusher(server, LAYERED)
    pusher.blob(stock.config)
    for scale in SCALE:
        pusher.manifest(stock.manifest(scale), f"of-{scale}")
    pusher.close()


def _push_all(pusher: Pusher, bulks: list[Bulk]) -> None:
    for bulk in bulks:
        pusher.blob(bulk)


def _with(server: Running, name: str, work: Callable[[Pusher], None]) -> None:
    pusher = Pusher(server, name)
    work(pusher)
    pusher.close()


def _crowd(stock: GrownStock, repositories: int) -> None:
    root = stock.crowded(repositories)
    with served(ORIGINAL, root, {}) as server:
        first = repository(0)
        _with(server, first, lambda pusher: pusher.image(stock.config, stock.layers[:1], TAG))
    for number in range(1, repositories):
        shutil.copytree(
            root / REPOSITORIES / first,
            root / REPOSITORIES / repository(number),
            copy_function=os.link,
        )

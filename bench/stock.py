"""What is in the storage folder when the servers that read it start, in the original's layout.

One image, a blob of 1 GiB, and a repository of 100,000 tags; written by the original itself, the
many tags as folders with hard links beside the one that it wrote.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import NGINX, ORIGINAL, Running, served
from bench.pushing import Bulk, Pusher, digest_of, manifest_of

MIB = 2**20
LAYER_BYTES = 100 * 1000 * 1000
LARGE_BYTES = 1024 * MIB
TAGS = 100_000
LINKS_MAX = 30_000
"""Names of one file; ext4 allows 65,000."""

REPOSITORY, MANY_TAGS = "bench/image", "bench/many"
TAG = "latest"
REPOSITORIES = "docker/registry/v2/repositories"


@dataclass(frozen=True)
class Stock:
    """The folder, and the digests of what is in it."""

    root: Path
    layer: Bulk
    large: Bulk
    manifest: bytes

    def blob_target(self, server: Running, digest: str) -> str:
        return blob_target(server, REPOSITORY, digest)

    def manifest_target(self, server: Running) -> str:
        if server.name == NGINX:
            return self.blob_target(server, digest_of(self.manifest))
        return f"/v2/{REPOSITORY}/manifests/{TAG}"


def blob_target(server: Running, repository: str, digest: str) -> str:
    """Where a server has a blob; nginx has it where the file is."""
    if server.name != NGINX:
        return f"/v2/{repository}/blobs/{digest}"
    code = digest.removeprefix("sha256:")
    return f"/docker/registry/v2/blobs/sha256/{code[:2]}/{code}/data"


def tags_of(root: Path, repository: str) -> Path:
    """The folder of a repository's tags in a storage folder."""
    return root / REPOSITORIES / repository / "_manifests/tags"


def stocked(folder: Path, has_large: bool, has_tags: bool) -> Stock:
    """Fill a new folder below `folder`; what no scenario of the run asks for is left out."""
    root = folder / "stock"
    config = Bulk.made(b"{}" * 500)
    layer = Bulk.made(os.urandom(LAYER_BYTES))
    large = Bulk.made(os.urandom(MIB) * (LARGE_BYTES // MIB if has_large else 1))
    manifest = manifest_of(config, [layer, large])
    with served(ORIGINAL, root, {}) as server:
        pusher = Pusher(server, REPOSITORY)
        pusher.image(config, [layer, large], TAG)
        pusher.close()
        if has_tags:
            many = Pusher(server, MANY_TAGS)
            many.image(config, [Bulk.made(b"a layer")], TAG)
            many.close()
    if has_tags:
        multiply(tags_of(root, MANY_TAGS), TAGS)
    return Stock(root, layer, large, manifest)


def multiply(tags: Path, wanted: int) -> None:
    """Make `wanted` tags out of the one that is there: v000000, v000001 and so on."""
    link = tags / TAG / "current/link"
    for number in range(wanted - 1):
        current = tags / f"v{number:06}" / "current"
        current.mkdir(parents=True)
        if number % LINKS_MAX == 0:
            link = Path(shutil.copy(link, current / "link"))
        else:
            os.link(link, current / "link")

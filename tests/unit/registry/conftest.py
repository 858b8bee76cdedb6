"""A registry over the memory driver, and content to put into it."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from layerstore.clock import SystemClock
from layerstore.oci.descriptor import OCI_INDEX, OCI_MANIFEST
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver
from tests.fakes import FakeClock
from tests.meddling import MeddlingClient
from tests.memory_objects import MemoryObjects, object_store_driver
from tests.object_storage.clouds import CLOUDS as RUNNING
from tests.object_storage.clouds import Cloud

CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"layer" * 1000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


CLOUDS = os.environ.get("LAYERSTORE_REGISTRY_ON", "").split()
"""Stores that a real server plays (`gcs azure`), for these tests to run on them as well."""


@pytest.fixture(params=["memory", "filesystem", "objects", *CLOUDS])
def driver(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> Iterator[StorageDriver]:
    if request.param in CLOUDS:
        opened = request.getfixturevalue("on_cloud")
        yield opened(request.param)
        return
    if request.param == "memory":
        yield MemoryDriver(clock)
        return
    if request.param == "objects":
        yield object_store_driver(MemoryObjects(clock), clock)
        return
    with closing(FilesystemDriver(tmp_path / "root", clock)) as filesystem:
        yield filesystem


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cloud]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(RUNNING[name](tmp_path_factory.mktemp(name)))
            for name in CLOUDS
        }


@pytest.fixture
def on_cloud(
    clouds: dict[str, Cloud], request: pytest.FixtureRequest
) -> Callable[[str], StorageDriver]:
    """A folder that no other test uses; signatures need the real time."""
    root = f"test-{abs(hash(request.node.nodeid))}"

    def opened(name: str) -> StorageDriver:
        cloud = clouds[name]
        return cloud.open(root, SystemClock(), MeddlingClient(cloud.kind_of))

    return opened


@pytest.fixture
def registry(driver: StorageDriver, clock: FakeClock) -> LocalRegistry:
    return LocalRegistry(driver, ProcessLocks(), clock)


@pytest.fixture
def repository(registry: LocalRegistry) -> Repository:
    return registry.repository(Name("library/alpine"))


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def breaking(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise ConnectionResetError


def descriptor(content: bytes, media_type: str = "application/x") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def image(*, config: bytes = CONFIG, layers: tuple[bytes, ...] = (LAYER,), **more: Any) -> bytes:
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config),
            "layers": [descriptor(layer) for layer in layers],
        }
        | more
    )


def index(*children: bytes, **more: Any) -> bytes:
    manifests = [descriptor(child, OCI_MANIFEST) for child in children]
    whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests} | more
    return msgspec.json.encode(whole)


async def push_blobs(repository: Repository, *contents: bytes) -> None:
    for content in contents:
        await repository.blobs.put_bytes(Digest.of(content), content)


async def push_image(repository: Repository, **more: Any) -> Digest:
    await push_blobs(repository, CONFIG, LAYER)
    return (await repository.manifests.put(image(**more), None)).digest

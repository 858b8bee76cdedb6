"""A registry over the memory driver, and content to put into it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

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
from tests.memory_objects import MemoryObjects, object_store_driver

CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"layer" * 1000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "filesystem", "objects"])
def driver(
    request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path
) -> Iterator[StorageDriver]:
    if request.param == "memory":
        yield MemoryDriver(clock)
        return
    if request.param == "objects":
        yield object_store_driver(MemoryObjects(clock), clock)
        return
    with closing(FilesystemDriver(tmp_path / "root", clock)) as filesystem:
        yield filesystem


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

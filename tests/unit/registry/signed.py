"""A registry that takes signed manifests, and what tests of it share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from layerstore.oci import signed
from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import RegistryError
from layerstore.oci.keys import PrivateKey, PublicKey
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    recognise,
    signatures_folder,
)
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from tests.fakes import FakeClock
from tests.unit.oci.signers import document, host, payload
from tests.unit.registry.conftest import push_blobs

NAME = Name("library/alpine")
LATEST = Tag("latest")
PAYLOAD = payload()
REVISION = Digest.of(PAYLOAD)
OWN = host(number=99)


@pytest.fixture
def notary(clock: FakeClock) -> Notary:
    return Notary(clock, takes_pushes=True, key=lambda: OWN)


@pytest.fixture
def repository(driver: StorageDriver, clock: FakeClock, notary: Notary) -> Repository:
    return LocalRegistry(driver, ProcessLocks(), clock, notary=notary).repository(NAME)


def told(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


async def push(repository: Repository, *keys: PrivateKey) -> Digest:
    await push_blobs(repository, b"layer")
    content = document(PAYLOAD, *keys)
    return (await repository.manifests.put(content, SCHEMA1_SIGNED, tags=[LATEST])).digest


async def refusal(repository: Repository, content: bytes, *tags: Tag) -> RegistryError:
    with pytest.raises(RegistryError) as refused:
        await repository.manifests.put(content, SCHEMA1_SIGNED, tags=tags or [LATEST])
    return refused.value


async def signers(repository: Repository) -> list[PublicKey]:
    """The keys of the document that is served, each verified."""
    served = await repository.manifests.get(LATEST)
    taken = signed.split(served.content)
    assert (taken.payload, served.digest) == (PAYLOAD, REVISION)
    return [signed.verify(taken.payload, signature) for signature in taken.signatures]


async def links(driver: StorageDriver) -> list[SignatureLink]:
    folder = signatures_folder(NAME, REVISION)
    found = [recognise(path) async for path, _ in driver.walk(folder)]
    return [link for link in found if isinstance(link, SignatureLink)]


async def is_empty(driver: StorageDriver) -> bool:
    return not [path async for path, _ in driver.walk("/") if path.endswith(("/link", "/data"))]


async def lay_out(driver: StorageDriver, *, misplaced: bool = False) -> None:
    """A manifest as the original writes it: the payload, linked and tagged, without signatures."""
    kind = LayerLink if misplaced else RevisionLink
    await driver.put(BlobData(REVISION).path, PAYLOAD)
    await driver.put(kind(NAME, REVISION).path, REVISION.encode())
    await driver.put(TagCurrent(NAME, LATEST).path, REVISION.encode())


async def lay_out_signature(driver: StorageDriver, content: bytes) -> None:
    digest = Digest.of(content)
    await driver.put(BlobData(digest).path, content)
    await driver.put(SignatureLink(NAME, REVISION, digest).path, digest.encode())

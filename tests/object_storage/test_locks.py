"""A push and a delete of one manifest on two instances never cross: what stays is whole."""

import asyncio

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.errors import ManifestUnknown
from layerstore.oci.name import Name, Tag
from layerstore.registry.claimed import StoreLocks
from layerstore.registry.local import LocalRegistry
from layerstore.registry.repository import Repository
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.s3.opened import open_s3
from tests.object_stores import S3Server
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

TURNS = 12


@pytest.fixture
def repositories(store: S3Server) -> tuple[Repository, Repository]:
    """One and the same, seen by two instances."""

    def seen() -> Repository:
        clock = SystemClock()
        driver: ObjectStoreDriver = open_s3(store.settings(root="locked"), clock)
        return LocalRegistry(driver, StoreLocks(driver.claims), clock).repository(Name("app"))

    return seen(), seen()


async def test_a_push_and_a_delete_never_cross(
    repositories: tuple[Repository, Repository],
) -> None:
    one, two = repositories
    content, tag = image(), Tag("v1")
    await push_blobs(one, CONFIG, LAYER)
    digest = (await one.manifests.put(content, None, tags=[tag])).digest
    for _ in range(TURNS):
        await asyncio.gather(
            one.manifests.put(content, None, tags=[tag]),
            two.manifests.delete(digest),
            return_exceptions=True,
        )
        tagged = await two.tags.present(tag)
        if tagged is not None:
            assert (await one.manifests.get(tag)).content == content
        else:
            with pytest.raises(ManifestUnknown):
                await one.manifests.get(digest)
        await one.manifests.put(content, None, tags=[tag])

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
from tests.meddling import MeddlingClient
from tests.object_stores import S3Server
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

TURNS = 12


@pytest.fixture
def repositories(store: S3Server) -> tuple[Repository, Repository]:
    """One and the same, seen by two instances."""

    return seen(store, MeddlingClient()), seen(store, MeddlingClient())


def seen(store: S3Server, client: MeddlingClient) -> Repository:
    clock = SystemClock()
    driver: ObjectStoreDriver = open_s3(store.settings(root="locked"), clock, client)
    return LocalRegistry(driver, StoreLocks(driver.claims), clock).repository(Name("app"))


async def test_a_change_takes_a_claim_for_the_manifest_and_one_for_the_tag(
    store: S3Server,
) -> None:
    client = MeddlingClient()
    repository = seen(store, client)
    await push_blobs(repository, CONFIG, LAYER)
    client.counted()
    await repository.manifests.put(image(), None, tags=[Tag("counted")])
    claimed = [asked.kind for asked in client.asked if "/layerstore/claims/" in asked.path]
    assert claimed == ["PutObject", "PutObject", "DeleteObject", "DeleteObject"]


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

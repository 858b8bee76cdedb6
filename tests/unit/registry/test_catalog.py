"""The catalog's order (registry-facts §2.10), and repositories that come and go."""

import asyncio

import pytest

from layerstore.oci.errors import ManifestUnknown, NameUnknown
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.storage.driver import StorageDriver
from tests.unit.registry.conftest import index, push_image

ORDER = ["0", "a/1", "a", "a/b/0", "a/b", "a-b", "a-b/c", "a0", "ab", "b/c/d"]


async def names(registry: LocalRegistry, after: str = "") -> list[str]:
    return [name async for name in registry.catalog(after)]


async def fill(registry: LocalRegistry) -> None:
    for name in ORDER:
        await registry.repository(Name(name)).manifests.put(index(), None)


def test_the_order_is_that_of_the_folders(registry: LocalRegistry) -> None:
    async def story() -> None:
        await fill(registry)
        assert await names(registry) == ORDER

    asyncio.run(story())


def test_the_catalog_goes_on_behind_any_name(registry: LocalRegistry) -> None:
    async def story() -> None:
        await fill(registry)
        for place, name in enumerate(ORDER):
            assert await names(registry, name) == ORDER[place + 1 :]
        assert await names(registry, "a/a") == ORDER[3:]
        assert await names(registry, "a/b/z/z") == ORDER[5:]
        assert await names(registry, "zzz") == []

    asyncio.run(story())


def test_what_only_has_uploads_or_layers_is_no_repository_of_the_catalog(
    registry: LocalRegistry, driver: StorageDriver
) -> None:
    async def story() -> None:
        await registry.repository(Name("uploading")).uploads.start()
        await driver.put("/docker/registry/v2/repositories/Strange/_manifests/x", b"")
        await driver.put("/docker/registry/v2/repositories/_manifests/x", b"")
        assert await names(registry) == []

    asyncio.run(story())


def test_a_deleted_repository_leaves_the_catalog_and_nothing_else_bug_museum_1(
    registry: LocalRegistry,
) -> None:
    async def story() -> None:
        await fill(registry)
        repository = registry.repository(Name("a"))
        digest = await push_image(repository)
        await repository.tags.set(Tag("latest"), digest)
        await repository.delete()
        assert await names(registry) == [name for name in ORDER if name != "a"]
        assert not await repository.exists()
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(Tag("latest"))
        with pytest.raises(NameUnknown):
            await repository.delete()
        await push_image(repository)
        assert await names(registry) == ORDER

    asyncio.run(story())


def test_a_folder_on_the_way_to_others_is_no_repository(registry: LocalRegistry) -> None:
    async def story() -> None:
        await fill(registry)
        with pytest.raises(NameUnknown):
            await registry.repository(Name("b/c")).delete()
        assert await names(registry) == ORDER

    asyncio.run(story())

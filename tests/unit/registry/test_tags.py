"""Tags and their history."""

import asyncio
from datetime import timedelta

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestUnknown
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import TagCurrent, TagIndex
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from layerstore.storage.memory import MemoryDriver
from tests.fakes import FakeClock
from tests.unit.registry.conftest import push_image

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
TAG = Tag("v1")


def test_tags_come_in_byte_order_behind_a_name_that_need_not_exist(
    repository: Repository,
) -> None:
    async def story() -> None:
        for tag in ("b", "B", "a-b", "ab", "a", "0", "_"):
            await repository.tags.set(Tag(tag), ONE)
        assert [t async for t in repository.tags.names()] == ["0", "B", "_", "a", "a-b", "ab", "b"]
        assert [t async for t in repository.tags.names("a")] == ["a-b", "ab", "b"]
        assert [t async for t in repository.tags.names("aa")] == ["ab", "b"]
        assert [t async for t in repository.tags.names("b")] == []

    asyncio.run(story())


def test_a_tag_s_history_is_read_from_its_index(repository: Repository) -> None:
    async def story() -> None:
        for digest in (ONE, TWO, ONE):
            await repository.tags.set(TAG, digest)
        assert {move.digest for move in await repository.tags.history(TAG)} == {ONE, TWO}
        with pytest.raises(ManifestUnknown):
            await repository.tags.history(Tag("other"))

    asyncio.run(story())


def test_the_history_begins_with_what_the_tag_was_last_let_lead_to(clock: FakeClock) -> None:
    async def story() -> None:
        registry = LocalRegistry(MemoryDriver(clock), ProcessLocks(), clock)
        tags = registry.repository(Name("a")).tags
        for digest in (ONE, TWO, ONE):
            clock.pass_time(60)
            await tags.set(TAG, digest)
        history = await tags.history(TAG)
        assert [move.digest for move in history] == [ONE, TWO]
        assert [move.at for move in history] == [clock.now(), clock.now() - timedelta(seconds=60)]

    asyncio.run(story())


def test_the_index_is_written_before_current(repository: Repository, driver: StorageDriver) -> None:
    async def story() -> None:
        await repository.tags.set(TAG, ONE)
        name = repository.name
        assert await driver.get(TagIndex(name, TAG, ONE).path) == ONE.encode()
        assert await driver.get(TagCurrent(name, TAG).path) == ONE.encode()

    asyncio.run(story())


@pytest.mark.parametrize("text", [b"", b"rubbish"])
def test_a_tag_without_a_good_current_link_leads_nowhere_and_can_be_deleted(
    repository: Repository, driver: StorageDriver, text: bytes
) -> None:
    async def story() -> None:
        await repository.tags.set(TAG, ONE)
        await driver.put(TagCurrent(repository.name, TAG).path, text)
        with pytest.raises(ManifestUnknown):
            await repository.tags.current(TAG)
        await repository.tags.delete(TAG)
        assert [t async for t in repository.tags.names()] == []

    asyncio.run(story())


def test_a_tag_that_leads_elsewhere_by_now_is_left_alone(repository: Repository) -> None:
    async def story() -> None:
        await repository.tags.set(TAG, TWO)
        assert not await repository.tags.delete_if_leads_to(TAG, ONE)
        assert await repository.tags.delete_if_leads_to(TAG, TWO)
        assert not await repository.tags.delete_if_leads_to(TAG, TWO)

    asyncio.run(story())


def test_a_tag_that_looks_like_a_digest_is_a_tag_bug_museum_8(repository: Repository) -> None:
    async def story() -> None:
        digest = await push_image(repository)
        tag = Tag(f"sha256-{digest.hex}")
        await repository.tags.set(tag, digest)
        assert (await repository.manifests.get(tag)).digest == digest
        assert [d async for d in repository.referrers.of(digest)] == []

    asyncio.run(story())

"""What a repository sees of the blobs, and what it does not."""

import asyncio

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import BlobUnknown, DigestInvalid
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.paths import BlobData, LayerLink, layers_folder
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from tests.unit.registry.conftest import breaking, chunks

CONTENT = b"blob" * 500_000
DIGEST = Digest.of(CONTENT)
SMALL = b"{}"


def test_a_stream_is_stored_whole_or_not_at_all(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        with pytest.raises(ConnectionResetError):
            await repository.blobs.put(DIGEST, breaking(CONTENT[:1_500_000]))
        with pytest.raises(DigestInvalid):
            await repository.blobs.put(DIGEST, chunks(CONTENT, b"more"))
        assert not await repository.blobs.has(DIGEST)
        assert [path async for path, _ in driver.walk("/")] == []
        await repository.blobs.put(DIGEST, chunks(CONTENT[:3], CONTENT[3:]))
        blob = await repository.blobs.stat(DIGEST)
        assert b"".join([piece async for piece in blob.read(1, 9)]) == CONTENT[1:9]

    asyncio.run(story())


def test_a_repository_sees_only_what_it_links_to(registry: LocalRegistry) -> None:
    async def story() -> None:
        one, two = (registry.repository(Name(name)) for name in ("one", "two"))
        await one.blobs.put_bytes(Digest.of(SMALL), SMALL)
        assert not await two.blobs.has(Digest.of(SMALL))
        assert not await two.blobs.mount(DIGEST, Name("one"))
        assert await two.blobs.mount(Digest.of(SMALL), Name("one"))
        await one.blobs.delete(Digest.of(SMALL))
        assert await two.blobs.has(Digest.of(SMALL))
        assert not await one.blobs.has(Digest.of(SMALL))
        assert await one.blobs.adopt(Digest.of(SMALL))
        assert not await one.blobs.adopt(DIGEST)

    asyncio.run(story())


def test_a_link_to_data_that_is_gone_is_unknown_and_reported_bug_museum_22(
    repository: Repository, driver: StorageDriver, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        await repository.blobs.put_bytes(Digest.of(SMALL), SMALL)
        await driver.delete(BlobData(Digest.of(SMALL)).path)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(Digest.of(SMALL))

    asyncio.run(story())
    assert "data is gone" in caplog.text


@pytest.mark.parametrize("text", [b"", b"sha256:", b"\xff\xfe", DIGEST.encode() + b"\n", b"../.."])
def test_a_broken_link_is_absent_and_reported(
    repository: Repository, driver: StorageDriver, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    async def story() -> None:
        await driver.put(LayerLink(repository.name, DIGEST).path, text)
        assert not await repository.blobs.has(DIGEST)

    asyncio.run(story())
    assert "broken link" in caplog.text


def test_an_alias_link_of_the_original_leads_to_the_other_digest(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        alias, canonical = Digest.of(SMALL, "sha512"), Digest.of(SMALL)
        await repository.blobs.put_bytes(canonical, SMALL)
        await driver.put(LayerLink(repository.name, alias).path, canonical.encode())
        blob = await repository.blobs.stat(alias)
        assert (blob.digest, blob.size) == (alias, len(SMALL))
        assert b"".join([piece async for piece in blob.read()]) == SMALL

    asyncio.run(story())


def test_damaged_data_is_healed_by_a_push(repository: Repository, driver: StorageDriver) -> None:
    async def story() -> None:
        digest = Digest.of(SMALL)
        await driver.put(BlobData(digest).path, b"")
        await repository.blobs.put_bytes(digest, SMALL)
        assert await driver.get(BlobData(digest).path) == SMALL

    asyncio.run(story())


def test_the_layers_folder_outlives_its_last_link(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await repository.blobs.put_bytes(Digest.of(SMALL), SMALL)
        await repository.blobs.delete(Digest.of(SMALL))
        assert (await driver.stat(layers_folder(repository.name))).is_dir
        with pytest.raises(BlobUnknown):
            await repository.blobs.delete(Digest.of(SMALL))

    asyncio.run(story())


def test_what_is_mounted_by_an_alias_is_linked_by_its_own_digest_too(
    registry: LocalRegistry, driver: StorageDriver
) -> None:
    """The original serves an alias only where both links are (registry-facts §1.4)."""

    async def story() -> None:
        one, two = (registry.repository(Name(name)) for name in ("one", "two"))
        alias = Digest.of(SMALL, "sha512")
        await one.blobs.put_bytes(Digest.of(SMALL), SMALL)
        await one.blobs.link(alias, Digest.of(SMALL))
        assert await two.blobs.mount(alias, Name("one"))
        for digest in (alias, Digest.of(SMALL)):
            link = await driver.get(LayerLink(Name("two"), digest).path)
            assert link == Digest.of(SMALL).encode()

    asyncio.run(story())

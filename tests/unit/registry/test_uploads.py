"""Uploads: begun, carried on by another, committed, cancelled, and what a failure leaves."""

import asyncio

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    UploadOffsetInvalid,
)
from layerstore.oci.name import Name
from layerstore.registry import uploads
from layerstore.registry.local import LocalRegistry
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    UploadData,
    UploadHashState,
    UploadStarted,
    upload_folder,
)
from layerstore.registry.repository import Repository
from layerstore.storage.driver import PathNotFound, StorageDriver
from tests.unit.registry.conftest import breaking, chunks

CONTENT = bytes(range(256)) * 20
DIGEST = Digest.of(CONTENT)
UNKNOWN = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"


of_files = pytest.mark.parametrize("driver", ["memory", "filesystem"], indirect=True)
"""An object store keeps the hash with the bytes, and writes no file for it."""


async def whole(repository: Repository, digest: Digest) -> bytes:
    blob = await repository.blobs.stat(digest)
    return b"".join([piece async for piece in blob.read()])


def test_an_upload_in_pieces_is_published_and_forgotten(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        assert await session.append(chunks(CONTENT[:1000])) == 1000
        resumed = await repository.uploads.resume(session.id)
        assert (resumed.size, resumed.started_at) == (1000, session.started_at)
        assert await resumed.append(chunks(CONTENT[1000:]), at=1000) == len(CONTENT)
        last = await repository.uploads.resume(session.id)
        await last.commit(DIGEST)
        assert await whole(repository, DIGEST) == CONTENT
        assert await driver.get(LayerLink(repository.name, DIGEST).path) == DIGEST.encode()
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(session.id)
        assert [n async for n in driver.names(upload_folder(repository.name, session.id))] == []

    asyncio.run(story())


@of_files
def test_a_session_stands_in_the_original_s_files(
    repository: Repository, driver: StorageDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STATES_FROM_BYTES", 1)

    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(b"hello ", b"world"))
        name = repository.name
        assert await driver.get(UploadStarted(name, session.id).path) == b"2026-01-02T03:04:05Z"
        state = await driver.get(UploadHashState(name, session.id, "sha256", 11).path)
        assert (len(state), state[:4]) == (108, b"sha\x03")
        assert await driver.pending(UploadData(name, session.id).path) == 11

    asyncio.run(story())


@pytest.mark.parametrize("state", [b"", b"rubbish", b"sha\x03" + bytes(104)])
def test_a_hash_state_that_is_wrong_only_costs_time(
    repository: Repository, driver: StorageDriver, state: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STATES_FROM_BYTES", 1)

    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT))
        path = UploadHashState(repository.name, session.id, "sha256", len(CONTENT)).path
        await driver.put(path, state)
        await (await repository.uploads.resume(session.id)).commit(DIGEST)
        assert await whole(repository, DIGEST) == CONTENT

    asyncio.run(story())


@of_files
def test_a_hash_state_of_another_size_is_never_used(
    repository: Repository, driver: StorageDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original names a state after one request's bytes when it could not resume (§1.8)."""
    monkeypatch.setattr(uploads, "STATES_FROM_BYTES", 1)

    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT[:100]))
        poisoned = await driver.get(
            UploadHashState(repository.name, session.id, "sha256", 100).path
        )
        resumed = await repository.uploads.resume(session.id)
        await resumed.append(chunks(CONTENT[100:]))
        path = UploadHashState(repository.name, session.id, "sha256", len(CONTENT)).path
        await driver.put(path, poisoned)
        await (await repository.uploads.resume(session.id)).commit(DIGEST)

    asyncio.run(story())


@pytest.mark.parametrize("driver", ["filesystem"], indirect=True)
def test_of_little_data_no_hash_is_kept_where_it_can_be_read_again(
    repository: Repository, driver: StorageDriver
) -> None:
    """Making the folders of a state takes longer than reading so little."""

    async def story() -> None:
        session = await repository.uploads.start()
        for place in range(0, len(CONTENT), 1000):
            session = await repository.uploads.resume(session.id)
            await session.append(chunks(CONTENT[place : place + 1000]))
        folder = upload_folder(repository.name, session.id)
        assert [name async for name in driver.names(folder)] == ["data", "startedat"]
        await (await repository.uploads.resume(session.id)).commit(DIGEST)
        assert await whole(repository, DIGEST) == CONTENT

    asyncio.run(story())


def test_what_came_before_a_break_stays_and_is_carried_on(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        with pytest.raises(ConnectionResetError):
            await session.append(breaking(CONTENT[:700], CONTENT[700:900]))
        assert session.size == 900
        resumed = await repository.uploads.resume(session.id)
        assert resumed.size == 900
        await resumed.append(chunks(CONTENT[900:]))
        await resumed.commit(DIGEST)
        assert await whole(repository, DIGEST) == CONTENT

    asyncio.run(story())


@pytest.mark.parametrize("at", [0, 4, 6, 5000])
def test_a_chunk_for_another_place_is_refused_and_nothing_written(
    repository: Repository, at: int
) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(b"12345"))
        with pytest.raises(UploadOffsetInvalid) as refused:
            await session.append(chunks(b"6"), at=at)
        assert refused.value.size == 5
        assert (await repository.uploads.resume(session.id)).size == 5

    asyncio.run(story())


def test_of_two_writers_the_slower_is_told_where_the_upload_stands(
    repository: Repository,
) -> None:
    async def story() -> None:
        first = await repository.uploads.start()
        second = await repository.uploads.resume(first.id)
        await first.append(chunks(b"first"))
        with pytest.raises(UploadOffsetInvalid) as refused:
            await second.append(chunks(b"second"))
        assert refused.value.size == second.size == 5
        await second.append(chunks(b"!"))
        await second.commit(Digest.of(b"first!"))

    asyncio.run(story())


def test_a_wrong_digest_takes_the_session_away(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(b"something else"))
        with pytest.raises(DigestInvalid):
            await session.commit(DIGEST)
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(session.id)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(DIGEST)

    asyncio.run(story())


def test_bytes_that_came_while_committing_are_not_published(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT))
        late = await repository.uploads.resume(session.id)
        await (await repository.uploads.resume(session.id)).append(chunks(b"late"))
        with pytest.raises(UploadOffsetInvalid):
            await late.commit(DIGEST)
        with pytest.raises(PathNotFound):
            await driver.get(BlobData(DIGEST).path)

    asyncio.run(story())


def test_a_second_commit_finds_nothing(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT))
        other = await repository.uploads.resume(session.id)
        await session.commit(DIGEST)
        with pytest.raises(BlobUploadUnknown):
            await other.commit(DIGEST)
        assert await whole(repository, DIGEST) == CONTENT

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_a_blob_is_stored_under_the_digest_it_was_pushed_with(
    repository: Repository, driver: StorageDriver, algorithm: str
) -> None:
    async def story() -> None:
        digest = Digest.of(CONTENT, algorithm)
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT))
        await session.commit(digest)
        assert await driver.get(BlobData(digest).path) == CONTENT
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(DIGEST)

    asyncio.run(story())


def test_a_whole_body_is_all_or_nothing(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        with pytest.raises(ConnectionResetError):
            await session.put(DIGEST, breaking(CONTENT[:2000]))
        resumed = await repository.uploads.resume(session.id)
        assert resumed.size == 0
        await resumed.put(DIGEST, chunks(CONTENT[:2000], CONTENT[2000:]))
        assert await whole(repository, DIGEST) == CONTENT
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(session.id)

    asyncio.run(story())


def test_a_whole_body_with_a_wrong_digest_takes_the_session_away(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        with pytest.raises(DigestInvalid):
            await session.put(DIGEST, chunks(CONTENT[1:]))
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(session.id)

    asyncio.run(story())


def test_an_empty_blob_is_a_blob(repository: Repository) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.commit(Digest.of(b""))
        assert (await repository.blobs.stat(Digest.of(b""))).size == 0

    asyncio.run(story())


def test_a_cancelled_session_is_gone(repository: Repository, driver: StorageDriver) -> None:
    async def story() -> None:
        session = await repository.uploads.start()
        await session.append(chunks(CONTENT))
        await session.cancel()
        with pytest.raises(BlobUploadUnknown):
            await repository.uploads.resume(session.id)
        assert await driver.pending(UploadData(repository.name, session.id).path) is None

    asyncio.run(story())


@pytest.mark.parametrize("upload_id", ["", "x", "..", UNKNOWN.upper(), UNKNOWN, UNKNOWN + "/../x"])
def test_an_unknown_id_is_unknown_before_a_path_is_made(
    repository: Repository, upload_id: str
) -> None:
    with pytest.raises(BlobUploadUnknown):
        asyncio.run(repository.uploads.resume(upload_id))


def test_a_session_belongs_to_its_repository(registry: LocalRegistry) -> None:
    async def story() -> None:
        session = await registry.repository(Name("one")).uploads.start()
        with pytest.raises(BlobUploadUnknown):
            await registry.repository(Name("two")).uploads.resume(session.id)

    asyncio.run(story())

"""What the registry does, and how many requests to the store each of it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from layerstore.oci.digest import Digest
from layerstore.oci.name import Tag
from layerstore.registry.repository import Repository
from tests.contract.content import sliced, some_bytes
from tests.meddling import MeddlingClient
from tests.unit.registry.conftest import image, push_blobs

MIB = 1024 * 1024
PART = 5 * MIB
"""Bytes of a part in the tests; 10 MiB unless `chunksize` says otherwise."""

SMALL = some_bytes(2000)
LARGE = some_bytes(2 * PART + MIB, 1)
OTHER = some_bytes(3 * PART, 2)
CONFIG = b'{"architecture":"amd64"}'
TAG = Tag("v1")

Counted = dict[str, str]


@dataclass
class Account:
    """Does one thing after another, and writes down what each took.

    `fresh` is the same repository in a process that remembers nothing.
    """

    repository: Repository
    fresh: Repository
    client: MeddlingClient

    def __post_init__(self) -> None:
        self.lines: Counted = {}

    async def of(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        self.client.counted()
        await work()
        counted = self.client.counted()
        self.lines[name] = ", ".join(
            f"{kind} {number}" if number > 1 else kind for kind, number in sorted(counted.items())
        )


async def account(repository: Repository, fresh: Repository, client: MeddlingClient) -> Counted:
    """The requests of everything, by its name in the table."""
    taken = Account(repository, fresh, client)
    await _uploads(taken)
    await _blobs(taken)
    await _manifests(taken)
    await _deletes(taken)
    return taken.lines


async def _uploads(taken: Account) -> None:
    uploads = taken.repository.uploads
    digest = Digest.of(LARGE)
    session = await uploads.start()
    await taken.of("POST, a new session", uploads.start)

    async def patch() -> None:
        found = await uploads.resume(session.id)
        await found.append(sliced(LARGE, MIB))

    async def commit() -> None:
        await (await uploads.resume(session.id)).commit(digest)

    await taken.of("PATCH, two parts and a tail", patch)
    await taken.of("GET, where the session stands", lambda: uploads.resume(session.id))
    await taken.of("PUT, the end of that session", commit)
    small = await uploads.start()

    async def patch_small() -> None:
        await (await uploads.resume(small.id)).append(sliced(SMALL, MIB))

    async def commit_small() -> None:
        await (await uploads.resume(small.id)).commit(Digest.of(SMALL))

    await taken.of("PATCH, less than a part", patch_small)
    await taken.of("PUT, the end of that", commit_small)
    cancelled = await uploads.start()
    await cancelled.append(sliced(LARGE, MIB))
    await taken.of("DELETE, a session with two parts and a tail", cancelled.cancel)

    async def whole() -> None:
        found = await uploads.resume(other.id)
        await found.put(Digest.of(OTHER), sliced(OTHER, MIB))

    other = await uploads.start()
    await taken.of("PUT, three parts at once into a new session", whole)


async def _blobs(taken: Account) -> None:
    blobs = taken.repository.blobs
    digest = Digest.of(LARGE)
    await taken.of("HEAD or GET of a blob, redirected", lambda: _redirected(taken))
    await taken.of("GET of a blob, sent from here", lambda: _read(taken))
    await taken.of("HEAD of a blob that is not there", lambda: blobs.has(Digest.of(b"absent")))
    await taken.of("POST, a blob mounted", lambda: blobs.mount(digest, taken.repository.name))


async def _redirected(taken: Account) -> None:
    blob = await taken.repository.blobs.stat(Digest.of(LARGE))
    assert await blob.url(60, "GET")


async def _read(taken: Account) -> None:
    blob = await taken.repository.blobs.stat(Digest.of(LARGE))
    assert b"".join([piece async for piece in blob.read()]) == LARGE


async def _manifests(taken: Account) -> None:
    manifests = taken.repository.manifests
    await push_blobs(taken.repository, CONFIG)
    content = image(config=CONFIG, layers=(LARGE, SMALL, OTHER))
    digest = Digest.of(content)
    await taken.of(
        "PUT of a manifest by tag, with four blobs",
        lambda: manifests.put(content, None, tags=[TAG]),
    )
    await taken.of("PUT of the same again", lambda: manifests.put(content, None, tags=[TAG]))
    await taken.of(
        "GET of a manifest by tag, the first time", lambda: taken.fresh.manifests.get(TAG)
    )
    await taken.of("GET of a manifest by tag, again", lambda: taken.fresh.manifests.get(TAG))
    await taken.of("GET of a manifest by digest, again", lambda: taken.fresh.manifests.get(digest))
    await taken.of("GET of the list of tags, a page", lambda: _listed(taken))


async def _listed(taken: Account) -> None:
    assert [tag async for tag in taken.repository.tags.names()] == [TAG]


async def _deletes(taken: Account) -> None:
    repository = taken.repository
    await taken.of("DELETE of a tag", lambda: repository.tags.delete(TAG))
    content = image(config=CONFIG, layers=(LARGE, SMALL, OTHER))
    await repository.manifests.put(content, None, tags=[TAG])
    digest = Digest.of(content)
    await taken.of("DELETE of a manifest with one tag", lambda: repository.manifests.delete(digest))
    await taken.of("DELETE of a blob", lambda: repository.blobs.delete(Digest.of(SMALL)))

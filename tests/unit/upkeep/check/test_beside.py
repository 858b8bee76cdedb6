"""What changes while it is looked at is no finding, and what a push brings is never taken away."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    ReferrerLink,
    RevisionLink,
    TagCurrent,
    TagIndex,
    blob_folder,
)
from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from layerstore.upkeep.check.findings import Kind
from tests.fakes import FakeClock
from tests.unit.registry.conftest import LAYER
from tests.unit.upkeep.check.conftest import (
    ARTIFACT,
    IMAGE,
    LATEST,
    LISTED,
    NAME,
    OTHER,
    SECOND,
    Tree,
    digest,
    kinds,
)

UNKNOWN = Digest.of(b"nobody pushed this")


class AwaitedLocks(ProcessLocks):
    """Whoever asks for a key waits until somebody else's change is done."""

    def __init__(self, change: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._change = change
        self.asked = 0

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        async with super().digest(name, digest):
            await self._done()
            yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        async with super().tags(name, tags):
            await self._done()
            yield

    async def _done(self) -> None:
        self.asked += 1
        await self._change()


class BusyLocks(ProcessLocks):
    """Somebody never lets go."""

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        raise Unavailable(message="another change of the same thing is under way")
        yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        raise Unavailable(message="another change of the same thing is under way")
        yield


async def test_a_tag_that_is_being_written_is_no_finding(memory_tree: Tree) -> None:
    tree, new = memory_tree, Tag("new")
    await tree.driver.put(TagIndex(NAME, new, digest(IMAGE)).path, digest(IMAGE).encode())
    current = TagCurrent(NAME, new).path
    locks = AwaitedLocks(lambda: tree.driver.put(current, digest(IMAGE).encode()))
    tree.locks = locks
    assert await tree.check() == []
    assert locks.asked == 1


async def test_a_tag_that_is_being_removed_is_no_finding(memory_tree: Tree) -> None:
    tree = memory_tree
    current = TagCurrent(NAME, LATEST).path
    await tree.driver.delete(current)
    tree.locks = AwaitedLocks(lambda: tree.driver.delete(current.removesuffix("/current/link")))
    assert await tree.check() == []


async def test_a_manifest_whose_referrer_entry_is_being_written_is_no_finding(
    memory_tree: Tree,
) -> None:
    tree = memory_tree
    entry = ReferrerLink(NAME, digest(IMAGE), digest(ARTIFACT)).path
    await tree.driver.delete(entry)
    tree.locks = AwaitedLocks(lambda: tree.driver.put(entry, digest(ARTIFACT).encode()))
    assert await tree.check() == []


async def test_a_manifest_that_is_being_removed_is_no_finding(memory_tree: Tree) -> None:
    """Its layer went first, and then, while the check waits, the manifest."""
    tree = memory_tree
    await tree.repository.blobs.delete(digest(LAYER))
    other = RevisionLink(NAME, digest(SECOND)).path
    await tree.driver.delete(other)

    async def remove() -> None:
        for content in (IMAGE, ARTIFACT):
            await tree.driver.delete(RevisionLink(NAME, digest(content)).path)

    tree.locks = AwaitedLocks(remove)
    assert Kind.MISSING_BLOB not in kinds(await tree.check())


async def test_a_referrer_that_is_being_removed_is_no_finding(memory_tree: Tree) -> None:
    tree = memory_tree
    await tree.driver.delete(RevisionLink(NAME, digest(ARTIFACT)).path)
    entry = ReferrerLink(NAME, digest(IMAGE), digest(ARTIFACT)).path
    tree.locks = AwaitedLocks(lambda: tree.driver.delete(entry))
    assert await tree.damage() == []


async def test_what_somebody_holds_for_too_long_is_told_as_undecided(memory_tree: Tree) -> None:
    await memory_tree.driver.delete(TagCurrent(NAME, LATEST).path)
    memory_tree.locks = BusyLocks()
    (finding,) = await memory_tree.check(repairs=True)
    assert finding.kind is Kind.UNDECIDED


class BesidePusher(MemoryDriver):
    """A push of one blob, data and link, comes just before a link is removed."""

    content: bytes | None = None

    async def delete(self, path: str, *, durable: bool = True) -> None:
        content, self.content = self.content, None
        if content is not None and path.endswith("/link"):
            await self.put(BlobData(digest(content)).path, content)
            await self.put(path, digest(content).encode())
        await super().delete(path, durable=durable)


async def test_a_link_whose_blob_is_pushed_while_it_is_removed_stays() -> None:
    driver = BesidePusher(SystemClock())
    tree = Tree(driver, None)
    await tree.fill()
    content = b"nobody pushed this yet"
    await driver.put(LayerLink(OTHER, digest(content)).path, digest(content).encode())
    driver.content = content
    assert await tree.check(repairs=True) == []
    assert await tree.registry.repository(OTHER).blobs.has(digest(content))


async def test_links_stay_while_it_is_not_known_what_manifests_need(memory_tree: Tree) -> None:
    """As after a start without the volume that holds the blobs."""
    tree = memory_tree
    await tree.driver.delete("/docker/registry/v2/blobs")
    before = set(await tree.files())
    await tree.check(repairs=True)
    assert set(await tree.files()) == before


class Now(FakeClock):
    """The clock of the machine, so that nothing is at rest yet."""

    def now(self) -> datetime:
        return SystemClock().now()


async def test_what_is_new_may_still_be_under_way(folder_tree: Tree) -> None:
    """A folder for a blob, an upload without its start, a blob without a link, a temporary file."""
    tree, root = folder_tree, folder_tree.root
    assert root is not None
    tree.clock = Now()
    upload = await tree.repository.uploads.start()
    (started,) = root.rglob(f"{upload.id}/startedat")
    started.unlink()
    (root / blob_folder(UNKNOWN)[1:]).mkdir(parents=True)
    await tree.driver.put(BlobData(digest(b"new")).path, b"new")
    link = root / LayerLink(NAME, digest(LAYER)).path[1:]
    link.with_name(f"link.{upload.id}.tmp").write_bytes(b"")
    assert await tree.check(repairs=True) == []
    tree.clock = Later()
    assert kinds(await tree.check()) == sorted(
        [Kind.LEFTOVER, Kind.NO_DATA, Kind.ORPHAN, Kind.UNFINISHED_UPLOAD]
    )


class Later(Now):
    """Two hours later."""

    def now(self) -> datetime:
        return super().now() + timedelta(hours=2)


class Failing(MemoryDriver):
    """Some paths cannot be read."""

    bad = ""

    async def get(self, path: str) -> bytes:
        if self.bad and path.endswith(self.bad):
            raise StorageUnavailable("inmemory", path, "input/output error")
        return await super().get(path)

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        if self.bad and path.endswith(self.bad):
            raise StorageUnavailable("inmemory", path, "input/output error")
        async for piece in super().read(path, start, end):
            yield piece

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        if self.bad and folder.endswith(self.bad):
            raise StorageUnavailable("inmemory", folder, "input/output error")
        async for name in super().names(folder, after):
            yield name


@pytest.mark.parametrize(
    ("bad", "count"),
    [
        (BlobData(digest(LAYER)).path, 1),
        (RevisionLink(NAME, digest(SECOND)).path, 2),
        ("/library/alpine/_manifests/tags", 1),
        ("/docker/registry/v2/blobs", 1),
    ],
)
async def test_what_cannot_be_read_is_told_and_passed_over(bad: str, count: int) -> None:
    driver = Failing(SystemClock())
    tree = Tree(driver, None)
    await tree.fill()
    await tree.driver.delete(TagCurrent(OTHER, LATEST).path)
    driver.bad = bad
    found = await tree.check()
    assert kinds(found) == sorted([Kind.TAG_WITHOUT_CURRENT] + [Kind.UNREADABLE] * count)


class Stubborn(MemoryDriver):
    """Nothing can be written any more."""

    is_full = False

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        if self.is_full:
            raise StorageUnavailable("inmemory", path, "read-only file system")
        await super().put(path, content, durable=durable)


async def test_what_cannot_be_mended_is_told_as_such() -> None:
    driver = Stubborn(SystemClock())
    tree = Tree(driver, None)
    await tree.fill()
    await tree.driver.delete(TagCurrent(NAME, LISTED).path)
    driver.is_full = True
    (finding,) = await tree.check(repairs=True)
    assert (finding.kind, finding.is_mended) == (Kind.TAG_WITHOUT_CURRENT, False)
    assert "read-only file system" in finding.text

"""All content by its digest (BlobStore), and what one repository sees of it (LinkedBlobs).

LinkedBlobs is the layer store of the seed: a blob is there for a repository when the repository
links to it and its data is there (I4). Nothing in here caches.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from layerstore.oci.digest import Digest, Verifier
from layerstore.oci.errors import BlobUnknown
from layerstore.oci.hashstate import new_hasher
from layerstore.oci.name import Name
from layerstore.oci.tarsum import TarSum
from layerstore.registry.links import LinkStore, text_of
from layerstore.registry.paths import BlobData, LayerLink, LayersKeep
from layerstore.registry.streams import verified, verified_as_it_comes
from layerstore.storage.driver import NO_FILES, Files, PathNotFound, StorageDriver

_log = logging.getLogger(__name__)


class Blob(NamedTuple):
    """Content that is known to be there: `digest` is what it was asked for by."""

    digest: Digest
    size: int
    driver: StorageDriver
    path: str

    def file(self) -> Path | None:
        """A local file that holds these bytes, if the driver has such files."""
        return self.driver.file_for(self.path)

    def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to before `end`, in pieces of at most 1 MiB."""
        return self.driver.read(self.path, start, end)

    async def url(self, lifetime_s: int, method: str) -> str | None:
        """Where the client may fetch the bytes itself, if the driver has such addresses."""
        return await self.driver.url_for(self.path, lifetime_s, method)


class BlobStore:
    """Every blob of every repository, once, under its digest."""

    def __init__(self, driver: StorageDriver) -> None:
        self._driver = driver
        self.is_distant = driver.is_distant

    async def size(self, digest: Digest) -> int | None:
        """The size of the data; None when there is none."""
        return await self._driver.size(BlobData(digest).path)

    async def get(self, digest: Digest) -> bytes | None:
        """The whole content, of a manifest or another small thing; None when there is none."""
        try:
            return await self._driver.get(BlobData(digest).path)
        except PathNotFound:
            return None

    def blob(self, digest: Digest, target: Digest, size: int) -> Blob:
        """The content of `target`, handed out under the digest that it was asked for by."""
        return Blob(digest, size, self._driver, BlobData(target).path)

    async def put(self, digest: Digest, content: bytes, beside: Files = NO_FILES) -> None:
        """Store small content that was made or checked here, and the small files that go with it.

        Raises DigestInvalid when it does not fit.
        """
        verifier = Verifier(digest, new_hasher(digest.algorithm))
        verifier.update(content)
        verifier.check()
        if not self.is_distant and await self.size(digest) == len(content):
            await self.settle(digest)
            await self._driver.put_all(beside)
        else:
            await self._driver.put_all({BlobData(digest).path: content, **beside})

    async def settle(self, digest: Digest) -> None:
        """See to it that content which is there, whoever brought it, survives a power loss."""
        await self._driver.settle(BlobData(digest).path)

    async def put_stream(self, digest: Digest, chunks: AsyncIterable[bytes]) -> int:
        """Store what the chunks hold, whole or not at all, and return its size.

        Raises DigestInvalid when it does not fit, and whatever the chunks raise.
        """
        verifier = Verifier(digest, new_hasher(digest.algorithm))
        checked = verified_as_it_comes if self.is_distant else verified
        async with aclosing(checked(chunks, verifier)) as through:
            await self._driver.put(BlobData(digest).path, through)
        return verifier.size


class LinkedBlobs:
    """The blobs of one repository."""

    def __init__(
        self, name: Name, driver: StorageDriver, blobs: BlobStore, links: LinkStore
    ) -> None:
        self._name = name
        self._driver = driver
        self._blobs = blobs
        self._links = links

    async def stat(self, digest: Digest) -> Blob:
        """The blob, if this repository links to it and its data is there; else BlobUnknown.

        What is asked for by a TarSum is handed out under its own digest, which says what it is.
        """
        target, size = await self._looked_up(digest)
        if target is None:
            raise BlobUnknown({"digest": digest})
        if size is None:
            _log.warning("%s links to a blob whose data is gone: %s", self._name, target)
            raise BlobUnknown({"digest": digest})
        shown = target if isinstance(digest, TarSum) else digest
        return self._blobs.blob(shown, target, size)

    async def _looked_up(self, digest: Digest) -> tuple[Digest | None, int | None]:
        """Where the link leads, and how large that is. Most links lead to what they are named."""
        path, size = LayerLink(self._name, digest).path, None
        if self._blobs.is_distant and not isinstance(digest, TarSum):
            target, size = await asyncio.gather(self._links.read(path), self._blobs.size(digest))
        else:
            target = await self._links.read(path)
        if target is not None and (size is None or target != digest):
            size = await self._blobs.size(target)
        return target, size

    async def has(self, digest: Digest) -> bool:
        try:
            await self.stat(digest)
        except BlobUnknown:
            return False
        return True

    async def holds(self, digest: Digest) -> bool:
        """Whether the repository has the blob; if it does it stays, after a power loss too."""
        path = LayerLink(self._name, digest).path
        target, size = await self._looked_up(digest)
        if target is None or size is None:
            return False
        await self._driver.settle(path, BlobData(target).path)
        return True

    async def put(self, digest: Digest, chunks: AsyncIterable[bytes]) -> None:
        """Store a whole blob and link it: all or nothing.

        Raises DigestInvalid when it does not fit, and whatever the chunks raise.
        """
        await self._blobs.put_stream(digest, chunks)
        await self.link(digest)

    async def put_bytes(self, digest: Digest, content: bytes) -> None:
        """The same for small content that is in memory."""
        await self._blobs.put(digest, content)
        await self.link(digest)

    async def link(self, digest: Digest, target: Digest | None = None) -> None:
        """Let this repository see a blob; `target` is where an alias leads."""
        await self._links.write(LayerLink(self._name, digest).path, target or digest)

    async def take(self, digest: Digest, source: str, size: int) -> None:
        """Make a finished, verified file of exactly `size` bytes the blob, and link it.

        What is there already is replaced by the same bytes, so that damage heals. Raises
        InvalidOffset when the source has another size by now.
        """
        link = {LayerLink(self._name, digest).path: text_of(digest)}
        await self._driver.move(source, BlobData(digest).path, size, link)

    async def mount(self, digest: Digest, source: Name) -> bool:
        """Link here what another repository sees; False when it does not see it."""
        there = LinkedBlobs(source, self._driver, self._blobs, self._links)
        target = await self._links.read(LayerLink(source, digest).path)
        if target is None or not await there.has(digest):
            return False
        await self._blobs.settle(target)
        if target != digest:  # the original asks for the link to an alias's target too
            await self.link(target)
        await self.link(digest, target)
        return True

    async def adopt(self, digest: Digest) -> bool:
        """Link here whatever has that digest; False when nothing has.

        For callers who may pull everything: existence alone is no right to see a blob (I4).
        """
        if await self._blobs.size(digest) is None:
            return False
        await self._blobs.settle(digest)
        await self.link(digest)
        return True

    async def delete(self, digest: Digest) -> None:
        """Take this repository's link away; the data stays. Raises BlobUnknown.

        The `_layers` folder outlives its last link (decisions 2).
        """
        path = LayerLink(self._name, digest).path
        if await self._links.read(path) is None:
            raise BlobUnknown({"digest": digest})
        await self.keep()
        await self._links.remove(path)

    async def keep(self) -> None:
        """See to it that the repository has a `_layers` folder, whatever it links to."""
        await self._driver.put(LayersKeep(self._name).path, b"")

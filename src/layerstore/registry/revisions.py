"""RevisionStore: the manifests of one repository, by digest.

A manifest is an ordinary blob; what makes it a revision of a repository is its link. Version 2.1.0
of the original wrote that link below `_layers` by mistake, and such trees are read (I4).
"""

import asyncio
import logging
from typing import NamedTuple

from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid
from layerstore.oci.manifest import MANIFEST_BYTES_MAX, media_type_of
from layerstore.oci.name import Name
from layerstore.registry.blobs import BlobStore
from layerstore.registry.links import LinkStore, text_of
from layerstore.registry.paths import LayerLink, RevisionLink
from layerstore.registry.remembered import RememberedManifests, TypedContent

_log = logging.getLogger(__name__)


class StoredManifest(NamedTuple):
    """A manifest as it was pushed, byte for byte (I7), and the type that it says it is."""

    digest: Digest
    media_type: str
    content: bytes


def signed_by(stored: StoredManifest, document: bytes) -> StoredManifest:
    """A schema 1 manifest as it is sent: under the digest of its payload alone."""
    return StoredManifest(stored.digest, SCHEMA1_SIGNED, document)


class RevisionStore:
    """Links to manifests, and the manifests behind them."""

    def __init__(
        self,
        name: Name,
        blobs: BlobStore,
        links: LinkStore,
        bytes_max: int = MANIFEST_BYTES_MAX,
        remembered: RememberedManifests | None = None,
    ) -> None:
        self._name = name
        self._blobs = blobs
        self._links = links
        self._bytes_max = bytes_max
        self._remembered = remembered or RememberedManifests()

    async def linked(self, digest: Digest) -> bool:
        """Whether the repository links to the revision, whatever became of its content."""
        return await self._links.read(RevisionLink(self._name, digest).path) is not None

    async def exists(self, digest: Digest) -> bool:
        """Whether the revision is linked and its content is there."""
        path, size = RevisionLink(self._name, digest).path, None
        if self._blobs.is_distant:
            target, size = await asyncio.gather(self._links.read(path), self._blobs.size(digest))
        else:
            target = await self._links.read(path)
        if target is None:
            return await self._misplaced(digest) is not None
        if size is None or target != digest:
            size = await self._blobs.size(target)
        return bool(size)

    async def holds(self, digest: Digest) -> bool:
        """The same, and if it is there it stays, after a power loss too."""
        if not await self.exists(digest):
            return False
        if self._blobs.is_distant:
            return True
        link = RevisionLink if await self.linked(digest) else LayerLink
        await self._links.settle(link(self._name, digest).path)
        await self._blobs.settle(digest)
        return True

    async def get(self, digest: Digest) -> StoredManifest | None:
        """The revision; None when it is not linked here, or its content is gone or damaged."""
        path, ahead = RevisionLink(self._name, digest).path, None
        if self._blobs.is_distant and self._remembered.get(digest) is None:
            target, ahead = await asyncio.gather(self._links.read(path), self._blobs.get(digest))
        else:
            target = await self._links.read(path)
        if target is None:
            return await self._misplaced(digest)
        found = self._remembered.get(target)
        found = found or await self._read(target, ahead if target == digest else None)
        return None if found is None else StoredManifest(digest, *found)

    async def _read(self, target: Digest, ahead: bytes | None = None) -> TypedContent | None:
        content = ahead if ahead is not None else await self._blobs.get(target)
        if content is None:
            _log.warning("%s links to a manifest whose content is gone: %s", self._name, target)
            return None
        if Digest.of(content, target.algorithm) != target:
            _log.error("%s links to a manifest whose content is damaged: %s", self._name, target)
            return None
        try:
            read = TypedContent(media_type_of(content), content)
        except ManifestInvalid as error:
            _log.warning("%s holds an unreadable manifest %s: %s", self._name, target, error)
            return None
        self._remembered.keep(target, read)
        return read

    async def _misplaced(self, digest: Digest) -> StoredManifest | None:
        """A manifest whose link stands below `_layers`; a layer there is none."""
        target = await self._links.read(LayerLink(self._name, digest).path)
        if target is None:
            return None
        size = await self._blobs.size(target)
        if not size or size > self._bytes_max:
            return None
        content = await self._blobs.get(target)
        try:
            return StoredManifest(digest, media_type_of(content or b""), content or b"")
        except ManifestInvalid:
            return None

    async def put(self, digest: Digest, content: bytes) -> None:
        """Store the content and make it a revision of this repository, as far as it is none.

        Raises DigestInvalid when it does not fit.
        """
        path = RevisionLink(self._name, digest).path
        link = {path: text_of(digest)}
        if not self._blobs.is_distant and await self._links.read(path) == digest:
            await self._links.settle(path)
            link = {}
        await self._blobs.put(digest, content, link)

    async def unlink(self, digest: Digest) -> None:
        """It is no revision any more, wherever its link stands."""
        await self._links.remove(RevisionLink(self._name, digest).path)
        if await self._misplaced(digest) is not None:
            await self._links.remove(LayerLink(self._name, digest).path)

"""Referrers: which manifests of a repository have a given subject.

Ours are links below `_manifests/referrers/` (decisions 4), one file each and no list to rewrite. An
entry is a hint: it counts while its revision is linked. Clients of registries without referrers
keep a list in a fallback tag (`sha256-<hex>`), and what the original stored is found only there,
so both are read and merged.
"""

import logging
from collections.abc import AsyncIterator

from layerstore.oci.descriptor import Descriptor
from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, ManifestInvalid, ManifestUnknown
from layerstore.oci.manifest import Manifest, parse
from layerstore.oci.name import Name, Tag
from layerstore.registry.links import LinkStore
from layerstore.registry.paths import ReferrerLink, referrer_folder, referrers_of_folder
from layerstore.registry.revisions import RevisionStore, StoredManifest
from layerstore.registry.tags import TagStore
from layerstore.storage.driver import StorageDriver

_log = logging.getLogger(__name__)


def fallback_tag(subject: Digest) -> Tag:
    """The tag under which older clients list referrers (specification, Referrers Tag Schema)."""
    return Tag(f"{subject.algorithm[:32]}-{subject.hex[:64]}")


class Referrers:
    """The referrers of one repository's content."""

    def __init__(
        self,
        name: Name,
        driver: StorageDriver,
        links: LinkStore,
        revisions: RevisionStore,
        tags: TagStore,
    ) -> None:
        self._name = name
        self._driver = driver
        self._links = links
        self._revisions = revisions
        self._tags = tags

    async def add(self, subject: Digest, referrer: Digest) -> None:
        """Note that a revision has this subject, which need not be there."""
        await self._links.write(ReferrerLink(self._name, subject, referrer).path, referrer)

    async def remove(self, subject: Digest, referrer: Digest) -> None:
        """Forget the entry, with its folder: folders are what is listed."""
        await self._driver.delete(referrer_folder(self._name, subject, referrer))

    async def of(self, subject: Digest, after: str = "") -> AsyncIterator[Descriptor]:
        """What refers to the subject, in order of digest, behind the digest `after`.

        Nothing for a subject or a repository that nobody knows.
        """
        async for digest in self._merged(subject, after):
            descriptor = await self._descriptor(subject, digest)
            if descriptor is not None:
                yield descriptor

    async def _merged(self, subject: Digest, after: str) -> AsyncIterator[Digest]:
        listed = [digest for digest in await self._listed(subject) if digest > after]
        listed.sort(reverse=True)
        async for digest in self._linked(subject, after):
            while listed and listed[-1] < digest:
                yield listed.pop()
            if listed and listed[-1] == digest:
                listed.pop()
            yield digest
        while listed:
            yield listed.pop()

    async def _linked(self, subject: Digest, after: str) -> AsyncIterator[Digest]:
        """Our own entries; their folders are in the order of the digests' texts."""
        folder = referrers_of_folder(self._name, subject)
        first, _, behind = after.partition(":")
        async for algorithm in self._driver.names(folder):
            if algorithm < first:
                continue
            start = behind if algorithm == first else ""
            async for hexadecimal in self._driver.names(f"{folder}/{algorithm}", start):
                try:
                    yield Digest.parse(f"{algorithm}:{hexadecimal}")
                except DigestInvalid:
                    continue

    async def _listed(self, subject: Digest) -> set[Digest]:
        index = await self.fallback(subject)
        if index is None:
            return set()
        try:
            return {child.digest for child in parse(index.content, index.media_type).children}
        except ManifestInvalid:
            return set()

    async def fallback(self, subject: Digest) -> StoredManifest | None:
        """The list under the fallback tag, if there is one."""
        try:
            current = await self._tags.current(fallback_tag(subject))
        except ManifestUnknown:
            return None
        return await self._revisions.get(current)

    async def _descriptor(self, subject: Digest, digest: Digest) -> Descriptor | None:
        stored = await self._revisions.get(digest)
        manifest = _parsed(stored) if stored is not None else None
        if stored is None or manifest is None or manifest.subject is None:
            return None
        if manifest.subject.digest != subject:
            return None
        return manifest.descriptor(digest, len(stored.content))


def _parsed(stored: StoredManifest) -> Manifest | None:
    try:
        return parse(stored.content, stored.media_type)
    except ManifestInvalid:
        return None

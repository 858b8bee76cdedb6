"""TagStore: the tags of one repository, where each leads now and where it led before."""

import logging
from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestUnknown
from layerstore.oci.name import Name, Tag, is_tag
from layerstore.registry.links import LinkStore
from layerstore.registry.locks import Locks
from layerstore.registry.paths import (
    TagCurrent,
    TagIndex,
    recognise,
    tag_folder,
    tag_index_folder,
    tags_folder,
)
from layerstore.storage.driver import StorageDriver

_log = logging.getLogger(__name__)


class TagMove(NamedTuple):
    """A tag led to `digest` from the moment `at`."""

    digest: Digest
    at: datetime


class TagStore:
    """Tags, each a `current` link and an `index` of all that it ever led to."""

    def __init__(self, name: Name, driver: StorageDriver, links: LinkStore, locks: Locks) -> None:
        self._name = name
        self._driver = driver
        self._links = links
        self._locks = locks

    async def names(self, after: str = "") -> AsyncIterator[Tag]:
        """The tags behind `after`, in byte order; nothing when there are none.

        As in the original a tag counts by its folder alone, so one that a crash left without its
        `current` link appears until it is deleted or pushed again (registry-facts §1.4).
        """
        async for name in self._driver.names(tags_folder(self._name), after):
            if is_tag(name):
                yield Tag(name)

    async def current(self, tag: Tag) -> Digest:
        """Where the tag leads. Raises ManifestUnknown when it leads nowhere."""
        digest = await self._links.read(TagCurrent(self._name, tag).path)
        if digest is None:
            raise ManifestUnknown({"tag": tag})
        return digest

    async def present(self, tag: Tag) -> Digest | None:
        """Where the tag leads; None when it leads nowhere."""
        return await self._links.read(TagCurrent(self._name, tag).path)

    async def leads_to(self, tag: Tag, digest: Digest) -> bool:
        return await self.present(tag) == digest

    async def set(self, tag: Tag, digest: Digest) -> None:
        """Let the tag lead to a revision: the index first, then `current` (I3).

        For ManifestStore, which holds the tag's key. Where it leads there already nothing is
        written, for its history would say so.
        """
        index, current = TagIndex(self._name, tag, digest).path, TagCurrent(self._name, tag).path
        if await self.leads_to(tag, digest):
            await self._links.ensure(index, digest)
            await self._links.ensure(current, digest)
        else:
            await self._links.write_all({index: digest, current: digest})

    async def delete(self, tag: Tag) -> None:
        """Take the tag away with its history; what it led to stays. Raises ManifestUnknown."""
        async with self._locks.tags(self._name, [tag]):
            if not await self._exists(tag):
                raise ManifestUnknown({"tag": tag})
            await self._remove(tag)

    async def delete_if_leads_to(self, tag: Tag, digest: Digest) -> bool:
        """Take the tag away unless somebody let it lead elsewhere; whether it went."""
        present = await self.present(tag)
        if present is None:  # who took it away may have died before the sync
            await self._links.settle(TagCurrent(self._name, tag).path)
        if present != digest:
            return False
        async with self._locks.tags(self._name, [tag]):
            if not await self.leads_to(tag, digest):
                return False
            await self._remove(tag)
            return True

    async def settle(self) -> None:
        """See to it that tags which are gone stay away after a power loss."""
        await self._links.settle(tags_folder(self._name))

    async def _exists(self, tag: Tag) -> bool:
        """A tag that leads nowhere can be deleted too: a crash may have left it."""
        if await self._links.read(TagCurrent(self._name, tag).path) is not None:
            return True
        async for _ in self._driver.names(tag_folder(self._name, tag)):
            return True
        return False

    async def _remove(self, tag: Tag) -> None:
        """`current` goes first: an object store removes a folder key by key."""
        await self._links.remove(TagCurrent(self._name, tag).path)
        await self._driver.delete(tag_folder(self._name, tag))

    async def history(self, tag: Tag) -> list[TagMove]:
        """Everything the tag led to, the latest first, with the moment it was last let lead there.

        Raises ManifestUnknown when there is no such tag.
        """
        moves = [
            TagMove(found.revision, info.modified)
            async for path, info in self._driver.walk(tag_index_folder(self._name, tag))
            if isinstance(found := recognise(path), TagIndex)
        ]
        if not moves:
            raise ManifestUnknown({"tag": tag})
        return sorted(moves, key=lambda move: move.at, reverse=True)

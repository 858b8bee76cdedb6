"""A repository's tags: does each lead to a manifest, and is that remembered in its index?"""

from collections.abc import AsyncIterator

from layerstore.oci.digest import Digest
from layerstore.oci.name import Tag, is_tag
from layerstore.registry.paths import (
    TagCurrent,
    TagIndex,
    recognise,
    tag_folder,
    tags_folder,
)
from layerstore.storage.driver import PathNotFound
from layerstore.upkeep.check.case import LOOKS_AT_ONCE, Case, stranger
from layerstore.upkeep.check.content import side_by_side
from layerstore.upkeep.check.findings import Finding, Kind, Mend
from layerstore.upkeep.check.view import Link


class TagCheck:
    """Examines the tags of one repository.

    Whoever lets a tag lead elsewhere, or takes the manifest away that it leads to, holds the tag's
    key while he does: under it the tag and what it leads to are as they should be, or damaged.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._storage = case.storage
        self._view = case.view
        self._name = case.view.name
        self.count = 0
        """How many were examined."""

    async def all(self) -> None:
        """Examine every tag."""
        await side_by_side(self._tags(), LOOKS_AT_ONCE, self._one)

    async def _tags(self) -> AsyncIterator[Tag]:
        folder = tags_folder(self._name)
        async for text in self._storage.desk.listed(folder, self._storage.driver.names(folder)):
            if is_tag(text):
                yield Tag(text)
            else:
                self._storage.note_unknown(f"{folder}/{text}")

    async def _one(self, tag: Tag) -> None:
        await self._storage.desk.examine(
            tag_folder(self._name, tag),
            lambda: self._look(tag),
            lambda: self._storage.locks.tags(self._name, [tag]),
        )
        self.count += 1

    async def _look(self, tag: Tag) -> list[Finding]:
        findings, indexed = await self._look_at_files(tag)
        current = await self._view.link(TagCurrent(self._name, tag).path)
        if current is None or current.digest is None:
            return findings + await self._without_current(tag, current, indexed)
        findings += await self._dangling(tag, current.digest)
        if current.digest not in indexed:
            findings.append(self._not_indexed(tag, current.digest))
        return findings

    async def _look_at_files(self, tag: Tag) -> tuple[list[Finding], list[Digest]]:
        """What is the matter with the tag's folder, and where its index says that it led."""
        findings, indexed = [], []
        async for path, _ in self._storage.driver.walk(tag_folder(self._name, tag)):
            place = recognise(path)
            if place is None:
                findings.append(stranger(path))
            elif isinstance(place, TagIndex):
                link = await self._view.link(path)
                if link is not None:
                    indexed.append(place.revision)
                if link is not None and link.target(place.revision) is None:
                    findings.append(self._broken_index(place, link))
        return findings, indexed

    def _broken_index(self, place: TagIndex, link: Link) -> Finding:
        return self._finding(
            Kind.BROKEN_LINK,
            place.tag,
            link.complaint,
            "writes it anew",
            lambda: self._write(place.path, place.revision),
            path=place.path,
            digest=place.revision,
        )

    async def _without_current(
        self, tag: Tag, current: Link | None, indexed: list[Digest]
    ) -> list[Finding]:
        """The tag leads nowhere; where it led is known only if there is one answer."""
        if not await self._is_there(tag):
            return []
        text = "the tag leads nowhere: there is no current link"
        if current is not None:
            text = f"the tag leads nowhere: {current.complaint}"
        linked = [each for each in indexed if await self._view.has_revision(each)]
        repair, mend = "push the tag again, or remove it: layerstore tag delete", None
        if len(linked) == 1:
            (only,) = linked
            repair, mend = f"lets it lead to {only} again", self._lead(tag, only)
        elif not indexed:
            repair, mend = "removes the tag: nothing tells where it led", self._removal(tag)
        return [self._finding(Kind.TAG_WITHOUT_CURRENT, tag, text, repair, mend)]

    def _lead(self, tag: Tag, digest: Digest) -> Mend:
        return lambda: self._write(TagCurrent(self._name, tag).path, digest)

    def _removal(self, tag: Tag) -> Mend:
        async def remove() -> bool:
            await self._storage.driver.delete(tag_folder(self._name, tag))
            return True

        return remove

    async def _is_there(self, tag: Tag) -> bool:
        try:
            await self._storage.driver.stat(tag_folder(self._name, tag))
        except PathNotFound:
            return False
        return True

    async def _dangling(self, tag: Tag, digest: Digest) -> list[Finding]:
        target = await self._view.revision(digest)
        if target is None and await self._view.is_misplaced(digest):
            self._case.needs.is_complete = False  # what it names is not looked at
            target = digest
        if target is None:
            text = f"the tag leads to a manifest that the repository does not have: {digest}"
        elif not await self._storage.has_good(target):
            text = f"the tag leads to a manifest whose content is gone or damaged: {digest}"
        else:
            return []
        repair = "push the manifest again, or remove the tag: layerstore tag delete"
        return [self._finding(Kind.DANGLING_TAG, tag, text, repair, digest=digest)]

    def _not_indexed(self, tag: Tag, digest: Digest) -> Finding:
        path = TagIndex(self._name, tag, digest).path
        return self._finding(
            Kind.TAG_NOT_IN_INDEX,
            tag,
            f"the tag's index does not have where it leads: {digest}",
            "writes the entry",
            lambda: self._write(path, digest),
            digest=digest,
        )

    async def _write(self, path: str, digest: Digest) -> bool:
        await self._storage.links.write(path, digest)
        return True

    def _finding(
        self,
        kind: Kind,
        tag: Tag,
        text: str,
        repair: str,
        mend: Mend | None = None,
        *,
        path: str = "",
        digest: Digest | None = None,
    ) -> Finding:
        place = path or TagCurrent(self._name, tag).path
        return Finding(kind, place, text, repair, self._name, tag, digest, mend)

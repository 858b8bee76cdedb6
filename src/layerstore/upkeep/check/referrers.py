"""A repository's referrer entries: does each lead to a manifest that has this subject?"""

from collections.abc import AsyncIterator

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, ManifestInvalid
from layerstore.registry.paths import ReferrerLink, referrer_folder, referrers_folder
from layerstore.upkeep.check.case import LOOKS_AT_ONCE, Case
from layerstore.upkeep.check.content import side_by_side
from layerstore.upkeep.check.findings import Finding, Kind
from layerstore.upkeep.check.revisions import read


class ReferrerCheck:
    """Examines the entries of one repository, which are folders (they are what is listed).

    That a manifest has no entry is found where the manifest is examined.
    """

    def __init__(self, case: Case) -> None:
        self._storage = case.storage
        self._view = case.view
        self._name = case.view.name

    async def all(self) -> None:
        """Examine every entry."""
        await side_by_side(self._entries(), LOOKS_AT_ONCE, self._one)

    async def _entries(self) -> AsyncIterator[ReferrerLink]:
        folder = referrers_folder(self._name)
        async for subject in self._digests(folder):
            async for referrer in self._digests(f"{folder}/{'/'.join(subject.segments)}"):
                yield ReferrerLink(self._name, subject, referrer)

    async def _digests(self, folder: str) -> AsyncIterator[Digest]:
        names, listed = self._storage.driver.names, self._storage.desk.listed
        async for algorithm in listed(folder, names(folder)):
            below = f"{folder}/{algorithm}"
            async for hexadecimal in listed(below, names(below)):
                try:
                    yield Digest.parse(f"{algorithm}:{hexadecimal}")
                except DigestInvalid:
                    self._storage.note_unknown(f"{below}/{hexadecimal}")

    async def _one(self, place: ReferrerLink) -> None:
        """Whoever writes or removes an entry holds the key of the manifest that refers."""
        await self._storage.desk.examine(
            place.path,
            lambda: self._look(place),
            lambda: self._storage.locks.digest(self._name, place.referrer),
        )

    async def _look(self, place: ReferrerLink) -> list[Finding]:
        """Of an entry that is still there: what vanished raises PathNotFound."""
        folder = referrer_folder(self._name, place.subject, place.referrer)
        await self._storage.driver.stat(folder)
        complaint = await self._stale(place)
        if complaint:
            return [self._removed(place, complaint)]
        link = await self._view.link(place.path)
        if link is None or link.target(place.referrer) is not None:
            return []
        return [self._written(place, link.complaint)]

    async def _stale(self, place: ReferrerLink) -> str:
        """Why the entry counts for nothing; nothing if it counts, or nobody can tell."""
        if not await self._view.has_revision(place.referrer):
            return "the manifest that refers is not in the repository"
        target = await self._view.revision(place.referrer) or place.referrer
        content = await self._view.blobs.get(target)
        if content is None or Digest.of(content, target.algorithm) != target:
            return ""
        try:
            subject = read(content).manifest.subject
        except ManifestInvalid:
            return ""
        if subject is None or subject.digest != place.subject:
            return "the manifest does not have this subject"
        return ""

    def _removed(self, place: ReferrerLink, text: str) -> Finding:
        async def remove() -> bool:
            folder = referrer_folder(self._name, place.subject, place.referrer)
            await self._storage.driver.delete(folder)
            return True

        return Finding(
            Kind.STALE_REFERRER,
            place.path,
            text,
            "removes the entry",
            self._name,
            digest=place.referrer,
            mend=remove,
        )

    def _written(self, place: ReferrerLink, text: str) -> Finding:
        async def write() -> bool:
            await self._storage.links.write(place.path, place.referrer)
            return True

        return Finding(
            Kind.BROKEN_LINK,
            place.path,
            text,
            "writes it anew",
            self._name,
            digest=place.referrer,
            mend=write,
        )

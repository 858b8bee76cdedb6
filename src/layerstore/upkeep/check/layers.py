"""A repository's links to blobs, and the folder that holds them."""

from collections.abc import AsyncIterator

from layerstore.oci.digest import Digest
from layerstore.oci.tarsum import TarSum
from layerstore.registry.paths import (
    LayerLink,
    LayersKeep,
    layers_folder,
    manifests_folder,
    recognise,
)
from layerstore.storage.driver import PathNotFound
from layerstore.upkeep.check.case import LOOKS_AT_ONCE, Case
from layerstore.upkeep.check.content import side_by_side
from layerstore.upkeep.check.findings import Finding, Kind
from layerstore.upkeep.check.view import Link


class LayerCheck:
    """Examines `_layers` of one repository, after its manifests have told what they need."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._name = case.view.name

    async def all(self) -> None:
        """Examine the folder and every link in it."""
        folder = layers_folder(self._name)
        await self._case.storage.desk.examine(folder, self._look_at_folder)
        await side_by_side(self._links(folder), LOOKS_AT_ONCE, self._one)

    async def _links(self, folder: str) -> AsyncIterator[LayerLink]:
        storage = self._case.storage
        async for path, _ in storage.desk.listed(folder, storage.driver.walk(folder)):
            found = recognise(path)
            if isinstance(found, LayerLink):
                yield found
            storage.note_unknown(path)

    async def _one(self, place: LayerLink) -> None:
        await self._case.storage.desk.examine(place.path, lambda: self._look(place))

    async def _look_at_folder(self) -> list[Finding]:
        """Missing beside manifests, which are looked for in between: one push makes both."""
        if await self._has_folder() or not await self._has_manifests() or await self._has_folder():
            return []
        keep = LayersKeep(self._name).path

        async def make() -> bool:
            await self._case.storage.driver.put(keep, b"")
            return True

        text = "the repository has manifests and no _layers: the original's collectors pass it over"
        return [
            Finding(
                Kind.NO_LAYERS_FOLDER,
                layers_folder(self._name),
                text,
                "makes the folder",
                repository=self._name,
                mend=make,
            )
        ]

    async def _has_folder(self) -> bool:
        return await self._is_there(layers_folder(self._name))

    async def _has_manifests(self) -> bool:
        return await self._is_there(manifests_folder(self._name))

    async def _is_there(self, folder: str) -> bool:
        try:
            await self._case.storage.driver.stat(folder)
        except PathNotFound:
            return False
        return True

    async def _look(self, place: LayerLink) -> list[Finding]:
        link = await self._case.view.link(place.path)
        if link is None:
            return []
        target = link.target(place.digest)
        if target is None:
            return [await self._broken(place, link)]
        self._case.storage.note_link(target)
        if await self._case.view.blobs.size(target) is not None:
            return []
        return [await self._dangling(place, target)]

    async def _broken(self, place: LayerLink, link: Link) -> Finding:
        """What the link said, its place still says, but for a TarSum."""
        kept = not isinstance(place.digest, TarSum) and (
            await self._case.view.blobs.size(place.digest) is not None
            or await self._is_wanted(place.digest)
        )

        async def write() -> bool:
            await self._case.storage.links.write(place.path, place.digest)
            return True

        if kept:
            self._case.storage.note_link(place.digest)
        return Finding(
            Kind.BROKEN_LINK,
            place.path,
            link.complaint,
            "writes it anew" if kept else "removes it: nothing tells where it led",
            repository=self._name,
            digest=place.digest,
            mend=write if kept else lambda: self._remove(place, place.digest),
        )

    async def _dangling(self, place: LayerLink, target: Digest) -> Finding:
        wanted = await self._is_wanted(place.digest) or await self._is_wanted(target)
        repair = "removes it: no manifest of the repository names the blob"
        if wanted:
            repair = "push the blob again: the link is kept until then"
        return Finding(
            Kind.DANGLING_LINK,
            place.path,
            "the blob that it leads to is not there",
            repair,
            repository=self._name,
            digest=place.digest,
            mend=None if wanted else lambda: self._remove(place, target),
        )

    async def _is_wanted(self, digest: Digest) -> bool:
        """Whether the link is of use once somebody pushes the blob again, or may be."""
        needs = self._case.needs
        return (
            not needs.is_complete
            or digest in needs.blobs
            or await self._case.storage.quarantine.holds(digest)
        )

    async def _remove(self, place: LayerLink, target: Digest) -> bool:
        """Take the link away; a push that brought the blob meanwhile has its link again.

        Pushes write the data first and the link then, and hold no key: the blob is looked for once
        more after the link went, so that in whatever order both happen the link stays.
        """
        storage = self._case.storage
        await storage.links.remove(place.path)
        if isinstance(target, TarSum) or await self._case.view.blobs.size(target) is None:
            return True
        await storage.links.write(place.path, target)
        return False

"""One repository: its stores, put together for its name."""

from collections import Counter
from dataclasses import dataclass

from layerstore.oci.errors import NameUnknown
from layerstore.oci.name import Name
from layerstore.registry.blobs import LinkedBlobs
from layerstore.registry.manifests import ManifestStore
from layerstore.registry.paths import (
    LayerLink,
    ReferrerLink,
    RevisionLink,
    TagCurrent,
    UploadStarted,
    layers_folder,
    manifests_folder,
    recognise,
    referrers_folder,
    revisions_folder,
    tags_folder,
    uploads_folder,
)
from layerstore.registry.referrers import Referrers
from layerstore.registry.tags import TagStore
from layerstore.registry.uploads import UploadStore
from layerstore.storage.driver import PathNotFound, StorageDriver


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much a repository holds; what it links to may be linked elsewhere too."""

    tags: int
    revisions: int
    layers: int
    referrers: int
    uploads: int


@dataclass(frozen=True, slots=True)
class Repository:
    """What one name stands for. It need not exist: it does once something is pushed to it."""

    name: Name
    driver: StorageDriver
    blobs: LinkedBlobs
    uploads: UploadStore
    manifests: ManifestStore
    tags: TagStore
    referrers: Referrers

    async def exists(self) -> bool:
        """Whether a manifest was ever pushed here (registry-facts §1.4)."""
        return await self._has(manifests_folder(self.name))

    async def _has(self, folder: str) -> bool:
        try:
            await self.driver.stat(folder)
        except PathNotFound:
            return False
        return True

    async def delete(self) -> None:
        """Take everything of this name away, in the order of I3 backwards; NameUnknown if nothing.

        Repositories whose names begin with this one's stay. Content stays, as always. A push that
        runs beside it may leave part of what it wrote.
        """
        if not await self._is_one():
            raise NameUnknown({"name": self.name})
        for folder in (
            tags_folder(self.name),
            referrers_folder(self.name),
            revisions_folder(self.name),
            manifests_folder(self.name),
            layers_folder(self.name),
            uploads_folder(self.name),
        ):
            await self.driver.delete(folder)

    async def holdings(self) -> Holdings:
        """Count what `delete` would take away. Raises NameUnknown when there is nothing."""
        if not await self._is_one():
            raise NameUnknown({"name": self.name})
        kinds: Counter[type] = Counter()
        for folder in (manifests_folder, layers_folder, uploads_folder):
            async for path, _ in self.driver.walk(folder(self.name)):
                kinds[type(recognise(path))] += 1
        return Holdings(
            tags=kinds[TagCurrent],
            revisions=kinds[RevisionLink],
            layers=kinds[LayerLink],
            referrers=kinds[ReferrerLink],
            uploads=kinds[UploadStarted],
        )

    async def _is_one(self) -> bool:
        """A folder that only leads to repositories with longer names is none itself."""
        folders = (manifests_folder, layers_folder, uploads_folder)
        return any([await self._has(folder(self.name)) for folder in folders])

"""A check of a whole storage, or of one repository, beside a registry that serves.

First what dead processes left, then every blob, then every repository, so that what was put aside
is told of where it is missed; then the quarantine, and what nobody links to.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from layerstore.clock import Clock
from layerstore.oci.errors import NameUnknown
from layerstore.oci.name import Name
from layerstore.registry.links import LinkStore
from layerstore.registry.locks import Locks
from layerstore.registry.paths import (
    BLOBS,
    PREFIX,
    QUARANTINE,
    REPOSITORIES,
    BlobData,
    Quarantined,
    recognise,
)
from layerstore.registry.references import ManifestRules
from layerstore.storage.driver import StorageDriver, StorageError
from layerstore.storage.leftovers import Leftovers
from layerstore.upkeep.check.blobs import BlobCheck
from layerstore.upkeep.check.case import Case, Storage
from layerstore.upkeep.check.content import Hashing, Pace, Progress
from layerstore.upkeep.check.findings import Desk, Finding, Kind, Report, Severity
from layerstore.upkeep.check.layers import LayerCheck
from layerstore.upkeep.check.quarantine import Quarantine
from layerstore.upkeep.check.referrers import ReferrerCheck
from layerstore.upkeep.check.repositories import exists, linked_digests, repositories
from layerstore.upkeep.check.revisions import RevisionCheck
from layerstore.upkeep.check.tags import TagCheck
from layerstore.upkeep.check.uploads import UploadCheck
from layerstore.upkeep.check.view import View


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a check is asked to do.

    `repairs`: mend what can be mended. `content`: hash every blob, `jobs` at a time, at most
    `bytes_per_s` bytes a second. `repository`: look at this one and its blobs only.
    """

    repairs: bool = False
    content: bool = True
    jobs: int = 1
    bytes_per_s: int | None = None
    repository: Name | None = None


class Amount(NamedTuple):
    """How much there is to hash."""

    blobs: int
    blob_bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What was looked at and what was found; `remaining` is damage that was not mended."""

    repositories: int
    manifests: int
    tags: int
    blobs: int
    blob_bytes: int
    damage: int
    damage_mended: int
    flaws: int
    flaws_mended: int
    notes: int
    seconds: float

    @property
    def remaining(self) -> int:
        return self.damage - self.damage_mended


class Check:
    """One run over one storage. `progress` may be read at any time."""

    def __init__(
        self,
        driver: StorageDriver,
        locks: Locks,
        clock: Clock,
        rules: ManifestRules,
        wishes: Wishes,
        report: Report,
        leftovers: Leftovers | None = None,
    ) -> None:
        """`report` is told of every finding once, as soon as it is certain and mended, if it is."""
        self.progress = Progress()
        self._clock = clock
        self._wishes = wishes
        self._desk = Desk(report, repairs=wishes.repairs)
        hashing = Hashing(driver, Pace(clock, wishes.bytes_per_s), self.progress)
        self._storage = Storage(
            driver,
            locks,
            clock,
            rules,
            self._desk,
            hashing,
            Quarantine(driver, hashing, leftovers),
            leftovers,
            LinkStore(driver),
        )
        self._blobs = BlobCheck(self._storage, self.progress, wishes.jobs, content=wishes.content)
        self._repositories = self._manifests = self._tags = 0

    async def measure(self) -> Amount:
        """Count all blobs, for those who want to know how long it will take. StorageError."""
        blobs = blob_bytes = 0
        async for path, info in self._storage.driver.walk(BLOBS):
            if isinstance(recognise(path), BlobData):
                blobs += 1
                blob_bytes += info.size
        return Amount(blobs, blob_bytes)

    async def run(self) -> Summary:
        """Look at everything once.

        Raises StorageError when the storage cannot be used at all, and NameUnknown when there is
        no such repository. What fails in between is a finding.
        """
        since = self._clock.monotonic()
        await self._storage.driver.stat("/")
        if self._wishes.repository is None:
            await self._whole()
        else:
            await self._one_repository(self._wishes.repository)
        return self._summary(self._clock.monotonic() - since)

    async def _whole(self) -> None:
        self.progress.phase = "leftovers"
        await self._look_for_leftovers()
        self.progress.phase = "blobs"
        await self._blobs.all()
        self.progress.phase = "repositories"
        async for name in repositories(self._storage):
            await self._examine(name)
        await self._look_for_strangers()
        self.progress.phase = "quarantine"
        await self._look_into_quarantine()
        self.progress.phase = "orphans"
        await self._blobs.report_orphans()

    async def _one_repository(self, name: Name) -> None:
        if not await exists(self._storage, name):
            raise NameUnknown({"name": name})
        self.progress.phase = "blobs"
        await self._blobs.some(linked_digests(self._storage, name))
        self.progress.phase = "repositories"
        await self._examine(name)

    async def _examine(self, name: Name) -> None:
        """Manifests and tags come before layers: they tell which links are needed."""
        case = Case(self._storage, View(name, self._storage.driver))
        self._repositories += 1
        revisions, tags = RevisionCheck(case), TagCheck(case)
        await revisions.all()
        await tags.all()
        self._manifests += revisions.count
        self._tags += tags.count
        await LayerCheck(case).all()
        await ReferrerCheck(case).all()
        await UploadCheck(case).all()

    async def _look_for_strangers(self) -> None:
        """What lies beside the two folders of the layout."""
        async for name in self._desk.listed(PREFIX, self._storage.driver.names(PREFIX)):
            if f"{PREFIX}/{name}" not in (BLOBS, REPOSITORIES):
                self._storage.note_unknown(f"{PREFIX}/{name}")

    async def _look_for_leftovers(self) -> None:
        leftovers = self._storage.leftovers
        if leftovers is None:
            return
        try:
            found = await asyncio.to_thread(leftovers.found, self._storage.rest_since)
        except StorageError as error:
            self._desk.unreadable(error.path, error)
            return
        for path in found:
            await self._desk.examine(path, partial(self._leftover, leftovers, path))

    async def _leftover(self, leftovers: Leftovers, path: str) -> list[Finding]:
        async def remove() -> bool:
            await asyncio.to_thread(leftovers.remove, path)
            return True

        text = "a process that died has left it"
        return [Finding(Kind.LEFTOVER, path, text, "removes it", mend=remove)]

    async def _look_into_quarantine(self) -> None:
        async for entry in self._desk.listed(QUARANTINE, self._storage.quarantine.entries()):
            await self._desk.examine(entry.path, partial(self._quarantined, entry))

    async def _quarantined(self, entry: Quarantined) -> list[Finding]:
        """A run that was killed at the wrong moment may have left good bytes here."""
        storage, digest = self._storage, entry.digest
        if await storage.has_good(digest):
            text = "damaged bytes; the blob is whole again"
            repair = "nothing needs them any more"
            return [Finding(Kind.QUARANTINED, entry.path, text, repair, digest=digest)]
        if self._wishes.content and await storage.hashing.fits(entry.path, digest):
            return [
                Finding(
                    Kind.WHOLE_IN_QUARANTINE,
                    entry.path,
                    "the bytes are good, and the blob is not there",
                    "gives them back",
                    digest=digest,
                    mend=lambda: storage.quarantine.give_back(entry),
                )
            ]
        text, repair = "damaged bytes, and the blob is not there", "push the same content again"
        return [Finding(Kind.QUARANTINED, entry.path, text, repair, digest=digest)]

    def _summary(self, seconds: float) -> Summary:
        found, mended = self._desk.found, self._desk.mended
        return Summary(
            self._repositories,
            self._manifests,
            self._tags,
            self.progress.blobs,
            self.progress.blob_bytes,
            found[Severity.DAMAGE],
            mended[Severity.DAMAGE],
            found[Severity.FLAW],
            mended[Severity.FLAW],
            found[Severity.NOTE],
            seconds,
        )

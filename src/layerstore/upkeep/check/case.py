"""What the examinations of one storage, and of one repository in it, have in common."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from layerstore.registry.links import LinkStore
from layerstore.registry.locks import Locks
from layerstore.registry.paths import BlobData, recognise
from layerstore.registry.references import ManifestRules
from layerstore.storage.driver import FileInfo, PathNotFound, StorageDriver
from layerstore.storage.leftovers import Leftovers
from layerstore.upkeep.check.content import Hashing
from layerstore.upkeep.check.findings import Desk, Finding, Kind
from layerstore.upkeep.check.quarantine import Quarantine
from layerstore.upkeep.check.view import View

REST_SECONDS: Final = 3600
"""What was written within so many seconds may still be under way."""


LOOKS_AT_ONCE: Final = 16
"""Small things of one repository that are looked at side by side."""


@dataclass(frozen=True)
class Storage:
    """What a check works with, and what it has learnt so far."""

    driver: StorageDriver
    locks: Locks
    clock: Clock
    rules: ManifestRules
    desk: Desk
    hashing: Hashing
    quarantine: Quarantine
    leftovers: Leftovers | None
    links: LinkStore
    bad: dict[Digest, FileInfo] = field(default_factory=dict)
    """Blobs whose bytes were found to be bad, and what was known of those files."""

    unlinked: set[int] = field(default_factory=set)
    """Marks of the blobs that no link was seen to yet."""

    @property
    def rest_since(self) -> datetime:
        """What was last touched before this moment is at rest."""
        return self.clock.now() - timedelta(seconds=REST_SECONDS)

    async def has_good(self, digest: Digest) -> bool:
        """Whether the blob is there, and not known to be bad."""
        try:
            info = await self.driver.stat(BlobData(digest).path)
        except PathNotFound:
            return False
        return not info.is_dir and self.bad.get(digest) != info

    def note_link(self, digest: Digest) -> None:
        """A link leads to this blob: it is no orphan."""
        self.unlinked.discard(mark(digest))

    def note_unknown(self, path: str) -> None:
        """Report a file whose place means nothing."""
        if recognise(path) is None:
            self.desk.report(stranger(path))


def stranger(path: str) -> Finding:
    """What is reported of a file whose place means nothing."""
    return Finding(Kind.UNKNOWN_FILE, path, "nothing in the layout has this place")


def mark(digest: Digest) -> int:
    """Eight bytes that stand for a digest in large sets; two blobs share one in 2^64."""
    return int(digest.hex[:16], 16)


@dataclass
class Needs:
    """What the manifests of one repository name; known in full only if all could be read."""

    blobs: set[Digest] = field(default_factory=set)
    is_complete: bool = True


@dataclass(frozen=True)
class Case:
    """One repository that is examined."""

    storage: Storage
    view: View
    needs: Needs = field(default_factory=Needs)

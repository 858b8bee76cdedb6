"""LocalRegistry: repositories over a StorageDriver."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from layerstore.clock import Clock
from layerstore.oci.name import NAME_LENGTH_MAX, Name, is_name
from layerstore.registry.blobs import BlobStore, LinkedBlobs
from layerstore.registry.links import LinkStore
from layerstore.registry.locks import Locks
from layerstore.registry.manifests import UNTAGS_AT_ONCE, ManifestStore
from layerstore.registry.notary import Notary
from layerstore.registry.paths import MANIFESTS_FOLDER, REPOSITORIES, UPLOADS_FOLDER
from layerstore.registry.references import ManifestRules
from layerstore.registry.referrers import Referrers
from layerstore.registry.remembered import RememberedManifests
from layerstore.registry.repository import Repository
from layerstore.registry.revisions import RevisionStore
from layerstore.registry.signatures import SignatureStore
from layerstore.registry.tags import TagStore
from layerstore.registry.uploads import UploadStore
from layerstore.storage.driver import StorageDriver

REPOSITORIES_KEPT: Final = 256
"""Repositories whose stores stay put together; they hold no state but their name."""


class LocalRegistry:
    """Everything that one storage holds.

    `repository` gives the repository of a name, whether or not it exists yet; it reads nothing.
    `states_since` is when this machine started, for storage that loses what was not synced when
    the machine stops: a hash state from before then is not believed.
    """

    def __init__(
        self,
        driver: StorageDriver,
        locks: Locks,
        clock: Clock,
        rules: ManifestRules | None = None,
        *,
        notary: Notary | None = None,
        states_since: datetime | None = None,
        untags_at_once: int = UNTAGS_AT_ONCE,
    ) -> None:
        self._driver = driver
        self._locks = locks
        self._clock = clock
        self._rules = rules if rules is not None else ManifestRules()
        self._notary = notary if notary is not None else Notary(clock)
        self._states_since = states_since
        self._untags_at_once = untags_at_once
        self._blobs = BlobStore(driver)
        self._links = LinkStore(driver)
        self._remembered = RememberedManifests()
        self.repository = lru_cache(REPOSITORIES_KEPT)(self._repository)

    def _repository(self, name: Name) -> Repository:
        driver, links, locks = self._driver, self._links, self._locks
        linked = LinkedBlobs(name, driver, self._blobs, links)
        revisions = RevisionStore(name, self._blobs, links, self._rules.bytes_max, self._remembered)
        tags = TagStore(name, driver, links, locks)
        referrers = Referrers(name, driver, links, revisions, tags)
        manifests = ManifestStore(
            name,
            driver,
            self._blobs,
            linked,
            revisions,
            tags,
            referrers,
            SignatureStore(name, driver, self._blobs, links),
            self._notary,
            locks,
            self._rules,
            self._untags_at_once,
        )
        uploads = UploadStore(name, driver, self._blobs, linked, self._clock, self._states_since)
        return Repository(name, driver, linked, uploads, manifests, tags, referrers)

    async def catalog(self, after: str = "") -> AsyncIterator[Name]:
        """The names of all repositories behind `after`, lazily, in the original's order.

        A repository is where a `_manifests` folder is. The order is that of the folders, segment
        by segment, so that `a/1` comes before `a` and `a/b` behind it (registry-facts §2.10);
        `after` need not exist.
        """
        start = (*after.split("/"), MANIFESTS_FOLDER) if after else ()
        async for name in self._having(MANIFESTS_FOLDER, (), start):
            yield name

    async def uploading(self) -> AsyncIterator[Name]:
        """The names under which uploads were begun, lazily, in the same order.

        What never became a repository is among them.
        """
        async for name in self._having(UPLOADS_FOLDER, (), ()):
            yield name

    async def _having(
        self, mark: str, segments: tuple[str, ...], after: Sequence[str]
    ) -> AsyncIterator[Name]:
        """The names below `segments` whose folders hold one called `mark`."""
        if len("/".join(segments)) > NAME_LENGTH_MAX:
            return
        if len(after) > 1:
            async for name in self._having(mark, (*segments, after[0]), after[1:]):
                yield name
        folder = "/".join((REPOSITORIES, *segments))
        async for child in self._driver.names(folder, after[0] if after else ""):
            if child == mark and is_name("/".join(segments)):
                yield Name("/".join(segments))
            elif not child.startswith("_"):
                async for name in self._having(mark, (*segments, child), ()):
                    yield name

"""Every blob: is there data, and does it have the digest that it lies under?"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from layerstore.oci.digest import HEX_LENGTHS, Digest
from layerstore.oci.errors import DigestInvalid
from layerstore.registry.paths import BLOBS, BlobData, blob_folder
from layerstore.storage.driver import FileInfo, PathNotFound
from layerstore.upkeep.check.case import Storage, mark
from layerstore.upkeep.check.content import Progress, side_by_side
from layerstore.upkeep.check.findings import Finding, Kind

_DATA = "data"


class BlobCheck:
    """Examines blobs; `content` says whether their bytes are looked at."""

    def __init__(self, storage: Storage, progress: Progress, jobs: int, *, content: bool) -> None:
        self._storage = storage
        self._progress = progress
        self._jobs = jobs
        self._content = content

    async def all(self) -> None:
        """Examine every blob of the storage, some at a time."""
        await side_by_side(self._digests(), self._jobs, self.one)

    async def some(self, digests: AsyncIterator[Digest]) -> None:
        """Examine some blobs that ought to be there."""
        await side_by_side(digests, self._jobs, self.one)

    async def one(self, digest: Digest) -> None:
        """Examine one blob."""
        await self._storage.desk.examine(BlobData(digest).path, lambda: self._look(digest))
        self._progress.blobs += 1

    async def _digests(self) -> AsyncIterator[Digest]:
        async for digest in self.folders():
            self._storage.unlinked.add(mark(digest))
            yield digest

    async def folders(self) -> AsyncIterator[Digest]:
        """The digests that have a folder, in order; what else lies there is reported."""
        names = self._names
        async for algorithm in names(BLOBS):
            if algorithm not in HEX_LENGTHS:
                self._storage.note_unknown(f"{BLOBS}/{algorithm}")
                continue
            async for fan in names(f"{BLOBS}/{algorithm}"):
                async for hexadecimal in names(f"{BLOBS}/{algorithm}/{fan}"):
                    digest = self._digest(algorithm, fan, hexadecimal)
                    if digest is not None:
                        yield digest

    def _names(self, folder: str) -> AsyncIterator[str]:
        return self._storage.desk.listed(folder, self._storage.driver.names(folder))

    def _digest(self, algorithm: str, fan: str, hexadecimal: str) -> Digest | None:
        try:
            digest = Digest.parse(f"{algorithm}:{hexadecimal}")
        except DigestInvalid:
            digest = None
        if digest is None or fan != hexadecimal[:2]:
            self._storage.note_unknown(f"{BLOBS}/{algorithm}/{fan}/{hexadecimal}")
            return None
        return digest

    async def _look(self, digest: Digest) -> list[Finding]:
        path = BlobData(digest).path
        try:
            info = await self._storage.driver.stat(path)
        except PathNotFound:
            return await self._without_data(digest)
        if not self._content or await self._storage.hashing.fits(path, digest):
            return []
        self._storage.bad[digest] = info
        return [bad_bytes(self._storage, digest, info)]

    async def _without_data(self, digest: Digest) -> list[Finding]:
        """An empty folder may be that of a push under way, or what a crash left."""
        storage, folder = self._storage, blob_folder(digest)
        info = await storage.driver.stat(folder)
        if info.modified >= storage.rest_since:
            return []
        async for name in storage.driver.names(folder):
            storage.note_unknown(f"{folder}/{name}")
            return []
        leftovers = storage.leftovers

        async def remove() -> bool:
            return leftovers is not None and await asyncio.to_thread(
                leftovers.remove_empty_folder, folder
            )

        text = "there is a folder for the blob, and nothing in it"
        return [
            Finding(Kind.NO_DATA, folder, text, "removes the folder", digest=digest, mend=remove)
        ]

    async def report_orphans(self) -> None:
        """Report the blobs that no link was seen to, unless they are new."""
        storage = self._storage
        if not storage.unlinked or not storage.desk.is_complete:
            return
        async for digest in self.folders():
            if mark(digest) in storage.unlinked:
                look = partial(self._look_unlinked, digest)
                await storage.desk.examine(BlobData(digest).path, look)

    async def _look_unlinked(self, digest: Digest) -> list[Finding]:
        info = await self._storage.driver.stat(BlobData(digest).path)
        if info.modified >= self._storage.rest_since:
            return []
        text = f"no repository links to these {info.size} bytes"
        repair = "a garbage collection removes it"
        return [Finding(Kind.ORPHAN, BlobData(digest).path, text, repair, digest=digest)]


def bad_bytes(storage: Storage, digest: Digest, info: FileInfo) -> Finding:
    """What is reported of a blob whose bytes are not those of its digest."""
    return Finding(
        Kind.BAD_BYTES,
        BlobData(digest).path,
        f"the bytes are not those of the digest ({info.size} bytes)",
        "moves them to the quarantine; pushing the same content again makes the blob whole",
        digest=digest,
        mend=lambda: storage.quarantine.take(digest, info),
    )

"""Where damaged bytes are put aside: outside the layout, so that nobody is ever served them.

They are kept, for they may be the last trace of what somebody pushed. Pushing the same content
again makes its blob whole; what lies here is then of no more use and is a person's to remove.
"""

import asyncio
from collections.abc import AsyncIterator

from layerstore.oci.digest import Digest
from layerstore.registry.paths import (
    QUARANTINE,
    BlobData,
    Quarantined,
    blob_folder,
    quarantine_folder,
    recognise,
)
from layerstore.storage.driver import FileInfo, StorageDriver
from layerstore.storage.leftovers import Leftovers
from layerstore.upkeep.check.content import Hashing


class Quarantine:
    """The damaged blobs of one storage."""

    def __init__(
        self, driver: StorageDriver, hashing: Hashing, leftovers: Leftovers | None
    ) -> None:
        self._driver = driver
        self._leftovers = leftovers
        self._hashing = hashing

    async def holds(self, digest: Digest) -> bool:
        """Whether bytes that lay under this digest were put aside."""
        async for _ in self._driver.names(quarantine_folder(digest)):
            return True
        return False

    async def entries(self) -> AsyncIterator[Quarantined]:
        """Everything that lies here."""
        async for path, _ in self._driver.walk(QUARANTINE):
            found = recognise(path)
            if isinstance(found, Quarantined):
                yield found

    async def take(self, digest: Digest, info: FileInfo) -> bool:
        """Put a blob's data aside, durably; False when a push made it whole meanwhile.

        `info` is what was known of the file that was found to be bad.
        """
        path = BlobData(digest).path
        if await self._driver.stat(path) != info:
            return False
        place = await self._free_place(digest)
        await self._driver.move(path, place.path)
        if await self._hashing.fits(place.path, digest):
            await self._driver.move(place.path, path)
            return False
        if self._leftovers is not None:
            await asyncio.to_thread(self._leftovers.remove_empty_folder, blob_folder(digest))
        return True

    async def _free_place(self, digest: Digest) -> Quarantined:
        taken = [name async for name in self._driver.names(quarantine_folder(digest))]
        number = 1
        while str(number) in taken:
            number += 1
        return Quarantined(digest, number)

    async def give_back(self, entry: Quarantined) -> bool:
        """Let a blob have its data again, that turned out to be good."""
        await self._driver.move(entry.path, BlobData(entry.digest).path)
        return True

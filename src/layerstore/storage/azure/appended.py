"""Blobs that the original appended to: they can be read, but not replaced by blobs of blocks.

A blob keeps its type. To give the same bytes another one they are copied aside, the blob goes, and
the bytes come back; who dies in between leaves them aside, and whoever pushes them heals it.
"""

from typing import Final, Protocol

from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.store import Objects

COPIED_PART_BYTES: Final = 256 * 1024 * 1024
PARTS_AT_ONCE: Final = 4
SPARE: Final = "!spare"


class Blobs(Objects, Protocol):
    """A store that deletes under a condition."""

    async def delete(self, key: str, etag: str = "") -> None:
        """With an etag only what has it."""


async def make_of_blocks(blobs: Blobs, key: str, mark: str) -> None:
    """Give the blob the type that everything else here has; `mark` is used by nobody else."""
    found = await blobs.head(key)
    if found is None:
        return
    spare = f"{key}!{mark}{SPARE}"
    copier = Copier(blobs, 0, COPIED_PART_BYTES, PARTS_AT_ONCE)
    await (copier.copy(found, spare) if found.size else blobs.put(spare, b""))
    kept = await blobs.head(spare)
    await blobs.delete(key, found.etag)
    if kept is not None:
        await (copier.copy(kept, key) if found.size else blobs.put(key, b""))
    await blobs.delete(spare)

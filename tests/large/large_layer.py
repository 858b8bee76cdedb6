"""A layer of several gigabytes, made while it is read: the same bytes for the same seed."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class LargeLayer:
    """A tar stream with one file of `size` bytes (whole pieces), which no compression shortens."""

    seed: str
    size: int

    def pieces(self) -> Iterator[bytes]:
        entry = tarfile.TarInfo("large-file")
        entry.size = self.size
        yield entry.tobuf(tarfile.GNU_FORMAT)
        for number in range(self.size // PIECE_BYTES):
            yield hashlib.shake_256(f"{self.seed} {number}".encode()).digest(PIECE_BYTES)
        yield bytes(2 * tarfile.BLOCKSIZE)

"""What a driver for Google Cloud Storage is made of (registry-facts §3.3)."""

from dataclasses import dataclass
from typing import Final

from layerstore.storage.gcs.keyfiles import Credentials

MIB: Final = 1024 * 1024
CHUNK_STEP: Final = 256 * 1024
"""Bytes of which a chunk is a multiple."""

CALLS_AT_ONCE_MIN: Final = 25
OBJECT_BYTES_MAX: Final = 5 * 1024**4
"""Bytes of the largest object; each is copied in one request, or a few that follow."""


@dataclass(frozen=True, slots=True)
class GcsSettings:
    """Sizes are in bytes; `buffers` is what this process may use for parts.

    Without `keyfile` and `credentials` the usual chain is gone along, unless an emulator is named
    by STORAGE_EMULATOR_HOST, which asks nobody who he is. The store throttles who replaces one
    object more than once in a second, which is what `record_pause_s` is about.
    """

    bucket: str
    endpoint: str = ""
    keyfile: str = ""
    credentials: Credentials | None = None
    root: str = ""
    buffers: int = 192 * MIB
    part_bytes: int = 16 * MIB
    calls_at_once: int = 50
    record_pause_s: float = 1.0
    user_agent: str = "layerstore"

"""What a driver for Azure Blob Storage is made of (registry-facts §3.3)."""

from dataclasses import dataclass
from typing import Final, Literal

from layerstore.storage.azure.address import Account

MIB: Final = 1024 * 1024
BLOCK_BYTES_MIN: Final = MIB
BLOCK_BYTES_MAX: Final = 4000 * MIB
"""Bytes of a block; the store takes 50,000 of them."""

WHOLE_COPY_BYTES_MAX: Final = 256 * MIB
"""Bytes of a blob that the store copies in one request."""

COPIED_PART_BYTES: Final = 256 * MIB
COPIED_PARTS_AT_ONCE: Final = 16

Kind = Literal["shared_key", "client_secret", "default_credentials"]


@dataclass(frozen=True, slots=True)
class AzureSettings:
    """Sizes are in bytes; `buffers` is what this process may use for blocks.

    `client`, `tenant` and `secret` belong to the kind `client_secret`.
    """

    account: Account
    container: str
    kind: Kind = "shared_key"
    client: str = ""
    tenant: str = ""
    secret: str = ""
    root: str = ""
    verify: bool = True
    retries_max: int = 5
    first_pause_s: float = 0.1
    buffers: int = 192 * MIB
    part_bytes: int = 10 * MIB
    whole_copy_bytes_max: int = WHOLE_COPY_BYTES_MAX
    copied_part_bytes: int = COPIED_PART_BYTES
    user_agent: str = "layerstore"

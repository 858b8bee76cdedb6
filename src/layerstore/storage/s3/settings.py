"""What an S3 driver is made of (registry-facts §3.3). Loads nothing that only a driver needs."""

from dataclasses import dataclass
from typing import Final

from layerstore.storage.s3.address import Place

_OCTET_STREAM: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class NewObjects:
    """What is said of every object that is made. Empty texts are not told."""

    encryption: str = ""
    key_id: str = ""
    storage_class: str = ""
    acl: str = ""

    def headers(self) -> dict[str, str]:
        headers = {"content-type": _OCTET_STREAM}
        if self.encryption:
            headers["x-amz-server-side-encryption"] = self.encryption
        if self.key_id:
            headers["x-amz-server-side-encryption-aws-kms-key-id"] = self.key_id
        if self.storage_class:
            headers["x-amz-storage-class"] = self.storage_class
        if self.acl:
            headers["x-amz-acl"] = self.acl
        return headers


MIB: Final = 1024 * 1024
PLAIN: Final = NewObjects()
"""Objects of which nothing is said."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """What a driver is made of. Sizes are in bytes.

    `buffers` is what this process may use for parts; empty keys mean the cloud's usual chain.
    """

    place: Place
    redirect_endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    new_objects: NewObjects = PLAIN
    verify: bool = True
    user_agent: str = "layerstore"
    root: str = ""
    buffers: int = 192 * MIB
    part_bytes: int = 10 * MIB
    whole_copy_bytes_max: int = 32 * MIB
    copied_part_bytes: int = 32 * MIB
    copied_parts_at_once: int = 100

"""TarSum digests: what versions 2.0 to 2.2 of the original took beside sha256.

They name the files of a layer rather than its bytes (registry-facts §1.9). Old trees and the
manifests in them hold such digests; they are recognised and their links are read, and nothing new
is stored under them.
"""

import re
from typing import Final, Self

from layerstore.oci.digest import HEX_LENGTHS, Digest
from layerstore.oci.errors import DigestInvalid

_UNVERSIONED: Final = "v0"
_TARSUM: Final = re.compile(
    r"tarsum(?:\.(?!v0\+)([a-z0-9]{1,16}))?\+(sha256|sha384|sha512):([0-9a-f]+)"
)


class TarSum(Digest):
    """`tarsum[.<version>]+<algorithm>:<hex>`; a name of content, that nothing is verified by."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest in `text`. Raises DigestInvalid when it is no TarSum."""
        found = _TARSUM.fullmatch(text)
        if found is None or len(found[3]) != HEX_LENGTHS[found[2]]:
            raise DigestInvalid({"digest": text[:256]}, message="not a TarSum digest")
        return cls(text)

    @classmethod
    def from_segments(cls, version: str, algorithm: str, hexadecimal: str) -> Self:
        """The inverse of `segments`. Raises DigestInvalid."""
        point = "" if version == _UNVERSIONED else f".{version}"
        return cls.parse(f"tarsum{point}+{algorithm}:{hexadecimal}")

    @property
    def segments(self) -> tuple[str, ...]:
        """The folders that it is found in: `tarsum`, version, algorithm, hex."""
        label, _, algorithm = self.algorithm.partition("+")
        return "tarsum", label.partition(".")[2] or _UNVERSIONED, algorithm, self.hex


def parse_digest(text: str) -> Digest:
    """A digest that content may be asked for by: of today, or a TarSum. Raises DigestInvalid."""
    return TarSum.parse(text) if text.startswith("tarsum") else Digest.parse(text)

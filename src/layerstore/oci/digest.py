"""Digests, and the hashing that makes them.

The only file that knows algorithms. A digest is the text that stands in links, headers and
manifests, checked once when it is parsed. Where hashing can be carried on by another process is
told in `hashstate.py`.
"""

import hashlib
import re
from typing import Final, Protocol, Self

from layerstore.oci.errors import DigestInvalid

CANONICAL: Final = "sha256"
"""The algorithm used where nobody asks for another."""

HEX_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms taken for content, with the length of their lower-case hex form."""

_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})")
_DIGEST_LENGTH_MAX: Final = 256


class Digest(str):
    """`<algorithm>:<hex>` (image specification, Descriptors; registry-facts §2.2)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest in `text`; DigestInvalid when it is none or its algorithm is not taken."""
        if not _DIGEST.fullmatch(text):
            raise DigestInvalid(
                {"digest": text[:_DIGEST_LENGTH_MAX]},
                message="not a digest of sha256, sha384 or sha512 in lower-case hex",
            )
        return cls(text)

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Self:
        """The digest of these bytes."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")

    @property
    def algorithm(self) -> str:
        return self.partition(":")[0]

    @property
    def hex(self) -> str:
        return self.partition(":")[2]

    @property
    def segments(self) -> tuple[str, ...]:
        """The folders that a link of it is found in."""
        return self.algorithm, self.hex


class Hasher(Protocol):
    """Hashing in progress. `update` may run in a thread; one call at a time."""

    @property
    def size(self) -> int:
        """Bytes taken so far."""

    def update(self, chunk: bytes) -> None:
        """Take more bytes; releases the interpreter while it hashes."""

    def digest(self) -> Digest:
        """The digest of all bytes taken; more may be taken afterwards."""

    def state(self) -> bytes | None:
        """What another process needs to go on (registry-facts §1.8); None where impossible."""


class PlainHasher:
    """A Hasher by hashlib, for algorithms and machines where a state cannot be saved."""

    def __init__(self, algorithm: str = CANONICAL) -> None:
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self.size = 0

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size += len(chunk)

    def digest(self) -> Digest:
        return Digest(f"{self._algorithm}:{self._hash.hexdigest()}")

    def state(self) -> bytes | None:
        return None


class Verifier:
    """The one door for digests: what goes through it and does not fit ends in DigestInvalid.

    A Hasher that knows what has to come out. Whoever writes what is taken here must write whole or
    not at all, since a wrong digest shows only at the end, by `check`.
    """

    def __init__(self, expected: Digest, hasher: Hasher) -> None:
        self._expected = expected
        self._hasher = hasher

    @property
    def size(self) -> int:
        return self._hasher.size

    def update(self, chunk: bytes) -> None:
        self._hasher.update(chunk)

    def digest(self) -> Digest:
        return self._hasher.digest()

    def state(self) -> bytes | None:
        return self._hasher.state()

    def check(self) -> None:
        """Raise DigestInvalid unless all that was taken has the expected digest."""
        found = self._hasher.digest()
        if found != self._expected:
            raise DigestInvalid({"expected": self._expected, "found": found})

"""Chunks of any size that become one piece of bytes."""

from typing import Final

SMALL_BYTES: Final = 1024
"""A chunk with less is copied behind the one before it: by itself it would take many times as much
memory as it has bytes, which a sender could turn against us."""


class Gathered:
    """What came so far. Holds little more than its bytes, however small the chunks are."""

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[bytes | bytearray] = []

    def add(self, chunk: bytes) -> None:
        """Put a chunk behind the others."""
        self.size += len(chunk)
        if len(chunk) >= SMALL_BYTES:
            self._parts.append(chunk)
        elif self._parts and isinstance(self._parts[-1], bytearray):
            self._parts[-1] += chunk
        else:
            self._parts.append(bytearray(chunk))

    def take(self) -> bytes:
        """All of it, without a copy where it is one chunk; nothing is left."""
        parts, self._parts, self.size = self._parts, [], 0
        return b"".join(parts)

"""The least of HTTP/2 (RFC 9113, RFC 7541) that one request with a body needs, written by hand.

For what no client program does: resets in the middle, lists of headers without end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEAD_BYTES = 9
_LENGTH_BITS = 7


class Frames:
    """All on stream 1."""

    PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    DATA, HEADERS, RESET, SETTINGS, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 7, 8
    END_STREAM, END_HEADERS = 1, 4
    ACK = 1
    NO_ERROR, CANCEL = 0, 8

    @staticmethod
    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return (
            struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
        )

    @classmethod
    def begin(
        cls, *extra: tuple[bytes, bytes], method: bytes = b"PUT", path: bytes = b"/x"
    ) -> bytes:
        """All up to the body."""
        pairs = [(b":method", method), (b":scheme", b"http"), (b":path", path)]
        pairs += [(b":authority", b"registry.example"), *extra]
        block = b"".join(cls.literal(name) + cls.text(value) for name, value in pairs)
        settings = cls.frame(cls.SETTINGS, 0, 0, b"")
        return cls.PREFACE + settings + cls.frame(cls.HEADERS, cls.END_HEADERS, 1, block)

    @classmethod
    def data(cls, content: bytes, *, last: bool = False) -> bytes:
        return cls.frame(cls.DATA, cls.END_STREAM if last else 0, 1, content)

    @classmethod
    def reset(cls, code: int) -> bytes:
        return cls.frame(cls.RESET, 0, 1, struct.pack(">I", code))

    @staticmethod
    def parse(received: bytes) -> Iterator[tuple[int, bytes]]:
        """Kind and content of every frame that is whole."""
        while len(received) >= _HEAD_BYTES:
            end = _HEAD_BYTES + int.from_bytes(received[:3], "big")
            if len(received) < end:
                return
            yield received[3], received[_HEAD_BYTES:end]
            received = received[end:]

    @classmethod
    def literal(cls, name: bytes) -> bytes:
        """A new name of a header."""
        return b"\x00" + cls.text(name)

    @classmethod
    def text(cls, text: bytes) -> bytes:
        """A value, as it is."""
        return cls._number(len(text)) + text

    @staticmethod
    def _number(value: int) -> bytes:
        """An integer with a prefix of seven bits (RFC 7541 §5.1)."""
        most = (1 << _LENGTH_BITS) - 1
        if value < most:
            return bytes([value])
        written, rest = [most], value - most
        while rest >= 0x80:
            written.append(rest & 0x7F | 0x80)
            rest >>= 7
        return bytes([*written, rest])

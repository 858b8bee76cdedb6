"""Keys as JSON (RFC 7517), and the base64 that they and signatures are written in.

Plain values: what they mean, and whether they are good, `keys.py` tells.
"""

import base64
import binascii
from typing import Final

import msgspec

CHANCE_BYTES: Final = 40
"""Bytes that a new key is made of: the order of the curve and 64 bits more (FIPS 186-5, A.2.1)."""


class KeyInvalid(ValueError):
    """It is no key that signs manifests; the text says why, without a word of the key itself."""


class JsonWebKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a key as JSON (RFC 7517, RFC 7518 §6), in the order they are written in."""

    crv: str = ""
    d: str = ""
    dp: str = ""
    dq: str = ""
    e: str = ""
    k: str = ""
    kid: str = ""
    kty: str = ""
    n: str = ""
    p: str = ""
    q: str = ""
    qi: str = ""
    x: str = ""
    y: str = ""

    @property
    def is_private(self) -> bool:
        return any((self.d, self.dp, self.dq, self.k, self.p, self.q, self.qi))


def encode(content: bytes) -> str:
    """URL-safe base64 without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The inverse of `encode`; ValueError for any other spelling of the same bytes."""
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(f"not URL-safe base64: {error}") from None
    if encode(content) != text:
        raise ValueError("not URL-safe base64 in its one unpadded form")
    return content

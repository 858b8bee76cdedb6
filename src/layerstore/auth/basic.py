"""Names and passwords as the Authorization header carries them (RFC 7617)."""

import base64
import binascii
from typing import Final, NamedTuple

_NOBODY: Final = base64.b64encode(b":").decode()


class Credentials(NamedTuple):
    """A name and a password, neither of them checked."""

    user: str
    password: bytes


def names_nobody(authorization: str | None) -> bool:
    """Whether no credentials of any kind were sent; an empty name with no password are none."""
    if not authorization:
        return True
    scheme, _, encoded = authorization.partition(" ")
    return scheme.lower() == "basic" and encoded.strip() == _NOBODY


def parse_basic(authorization: str | None) -> Credentials | None:
    """The credentials in the header; None without any, and for what is no such header.

    An empty name with an empty password is what some clients send for want of either: none, too.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
        user, colon, password = decoded.partition(b":")
        credentials = Credentials(user.decode(), password)
    except (binascii.Error, ValueError):
        return None
    return credentials if colon and decoded != b":" else None

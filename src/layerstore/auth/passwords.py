"""bcrypt: the only file that knows the library.

A hash is what `htpasswd -B` writes: `$2y$10$` and 53 characters, also as `$2a$` and `$2b$`.
"""

import re
from typing import Final

import bcrypt

PASSWORD_BYTES_MAX: Final = 72
"""What bcrypt looks at; the rest of a longer password is ignored, here as in every htpasswd."""

COST_MAX: Final = 16
"""The dearest hash that is taken, about four seconds; each step doubles the time."""

COST_NEW: Final = 10
"""Of the hashes made here, as the original's."""

_HASH = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_COST_MIN: Final = 4


def cost(hashed: bytes) -> int | None:
    """The two-logarithm of a hash's rounds; None for what is no usable bcrypt hash."""
    match = _HASH.fullmatch(hashed)
    if match is None:
        return None
    number = int(match[1])
    return number if _COST_MIN <= number <= COST_MAX else None


def matches(password: bytes, hashed: bytes) -> bool:
    """Whether the hash was made of this password. Slow on purpose: 63 ms at cost 10."""
    try:
        return bcrypt.checkpw(password[:PASSWORD_BYTES_MAX], hashed)
    except ValueError:
        return False


def new_hash(password: bytes) -> bytes:
    """A hash with a salt of its own."""
    return bcrypt.hashpw(password[:PASSWORD_BYTES_MAX], bcrypt.gensalt(COST_NEW))


def decoy(cost: int) -> bytes:
    """A hash to compare with where there is none: it takes the time of a real one."""
    return b"$2b$%02d$" % cost + b"." * 53

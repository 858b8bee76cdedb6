"""Bearer tokens of whatever kind: where they stand, where they are fetched, that one is no good."""

import re
from ipaddress import ip_address
from typing import Final

_ADDRESS: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


EDDSA: Final = "EdDSA"
ALGORITHMS: Final = frozenset(
    (EDDSA, *(f"{kind}{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)))
)
"""Every `alg` that is ever taken for a signed token."""


class TokenInvalid(Exception):
    """A token that is not believed; the text is for the log, never for the client."""


def parse_bearer(authorization: str | None) -> str | None:
    """The token in an Authorization header (RFC 6750 §2.1); None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def beside(origin: str, path: str) -> str | None:
    """The URL of a service on the host that the client asked for; None where that is no host.

    Always https, for passwords are sent there, whatever a proxy leaves of the scheme on its way to
    us; http only on the client's own machine.
    """
    scheme, _, address = origin.partition("://")
    match = _ADDRESS.fullmatch(address)
    if match is None:
        return None
    is_plain = scheme == "http" and _is_own_machine(match[1].strip("[]"))
    return f"{'http' if is_plain else 'https'}://{address}/{path.lstrip('/')}"


def _is_own_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

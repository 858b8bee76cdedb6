"""The proxies that may speak for others, by address, by network, or as those on the unix socket."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from layerstore.web.forwarded import Trusted

UNIX: Final = "unix"
"""Names whoever comes through a unix socket, where there is no address."""

ADDRESSES_REMEMBERED: Final = 1024
"""Addresses whose answer is kept."""


def proxies(names: Sequence[str]) -> Trusted:
    """Whether an address, as text, belongs to one of the named. Raises ValueError with a sentence.

    An IPv4 address is the same in IPv6 clothes (`::ffff:192.0.2.1`).
    """
    networks = [_network(name) for name in names if name != UNIX]
    trusts_unix = UNIX in names

    @lru_cache(ADDRESSES_REMEMBERED)
    def trusted(address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return trusts_unix and not address
        known = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(known in network for network in networks)

    return trusted


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        text = f"{name!r} is no address, no network such as 10.0.0.0/8, and not unix"
        raise ValueError(text) from None

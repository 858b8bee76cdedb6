"""Guessing made slow: who fails often from one address waits before the next attempt.

Each attempt owes a second, which passes by itself and is given back if the attempt succeeds. The
first FAILURES_FREE seconds of debt cost nothing; beyond them an attempt waits until the debt is
that small again, and is refused where that would take too long. So attempts side by side gain
nothing, and nobody is locked out.
"""

from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from layerstore.auth.addresses import parse_address
from layerstore.clock import Clock
from layerstore.oci.errors import TooManyRequests

FAILURES_FREE: Final = 20
"""Failures in a row that are not slowed."""

SECONDS_PER_FAILURE: Final = 1.0
WAIT_SECONDS_MAX: Final = 10.0
ADDRESSES_MAX: Final = 10_000
"""Addresses whose failures are remembered, those of the latest attempts."""

_IPV6_NETWORK_BITS: Final = 64


class Slowdown:
    """The failures of every address."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    async def take_turn(self, address: str) -> None:
        """Return when an attempt from there may be made. Raises TooManyRequests."""
        network, now = _network(address), self._clock.monotonic()
        if network is None:
            return
        paid_at = max(self._paid_at.get(network, now), now) + SECONDS_PER_FAILURE
        wait = paid_at - now - FAILURES_FREE * SECONDS_PER_FAILURE
        if wait > WAIT_SECONDS_MAX:
            raise TooManyRequests("too many failed logins", retry_after=int(wait) + 1)
        self._remember(network, paid_at)
        if wait > 0:
            await self._clock.sleep(wait)

    def succeeded(self, address: str) -> None:
        """Give back what the attempt owed."""
        network = _network(address)
        if network is not None and network in self._paid_at:
            self._paid_at[network] -= SECONDS_PER_FAILURE

    def _remember(self, network: str, paid_at: float) -> None:
        self._paid_at[network] = paid_at
        self._paid_at.move_to_end(network)
        if len(self._paid_at) > ADDRESSES_MAX:
            self._paid_at.popitem(last=False)


def _network(address: str) -> str | None:
    """What one guesser can be expected to have: an IPv4 address, or an IPv6 network of 64 bits.

    None where nobody knows who asks, on a unix socket: guessers would slow everybody.
    """
    parsed = parse_address(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _IPV6_NETWORK_BITS), strict=False))
    return str(parsed) if parsed is not None else None

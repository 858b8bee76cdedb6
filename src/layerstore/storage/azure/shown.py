"""Addresses where clients fetch a blob by themselves: who signs them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from layerstore.clock import Clock
from layerstore.storage.azure.address import Address
from layerstore.storage.azure.signature import LentKey, Reading, SharedKey

LENT: Final = timedelta(days=1)
"""How long a lent key is good; the store allows a week."""


class UrlSigner(Protocol):
    """Signs that a blob may be read."""

    async def query(self, key: str, lifetime_s: int) -> str:
        """The query of the address. Raises Trouble."""


class AccountSigner:
    """By the account's key."""

    def __init__(self, address: Address, key: SharedKey, clock: Clock) -> None:
        self._address = address
        self._key = key
        self._clock = clock

    async def query(self, key: str, lifetime_s: int) -> str:
        return _reading(self._address, key, self._clock.now(), lifetime_s).by_account(self._key)


class UserSigner:
    """By a key that the store lends to the user, and that is kept while it is good."""

    def __init__(
        self,
        address: Address,
        borrow: Callable[[datetime, datetime], Awaitable[LentKey]],
        clock: Clock,
    ) -> None:
        """`borrow` asks for a key that is good from then until then."""
        self._address = address
        self._borrow = borrow
        self._clock = clock
        self._lent: LentKey | None = None
        self._ends = datetime.min.replace(tzinfo=UTC)

    async def query(self, key: str, lifetime_s: int) -> str:
        now = self._clock.now()
        reading = _reading(self._address, key, now, lifetime_s)
        if self._lent is None or reading.end >= self._ends:
            self._ends = now + LENT
            self._lent = await self._borrow(reading.start, self._ends)
        return reading.by_user(self._lent)


def _reading(address: Address, key: str, at: datetime, lifetime_s: int) -> Reading:
    return Reading.lasting(address.account, address.container, key, at, lifetime_s)


_: type[UrlSigner] = AccountSigner
_2: type[UrlSigner] = UserSigner

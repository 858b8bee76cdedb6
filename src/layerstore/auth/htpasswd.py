"""`auth.htpasswd`: names and passwords from a file (registry-facts §2.11, decisions 15).

The file is looked at with every request: a user who is taken out is out at once. Who is let in may
do everything; policies narrow that.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from layerstore.auth import challenge
from layerstore.auth.access import Access, Authority, EverythingGranted, Grant
from layerstore.auth.basic import Credentials, parse_basic
from layerstore.auth.compares import Compares
from layerstore.auth.remembered import Remembered
from layerstore.auth.slowdown import Slowdown
from layerstore.auth.users import FILE_BYTES_MAX, parse_users, provide
from layerstore.auth.watched import WatchedFile
from layerstore.clock import Clock

_SECRET_BYTES: Final = 32
_LOGGED_NAME_LENGTH: Final = 64

_log = logging.getLogger(__name__)


class HtpasswdAuthority:
    """Lets the users of one file in.

    A missing file is made, with one user. `at_once` is how many passwords this process compares at
    the same time. Raises AuthorityUnusable for a file that cannot be made or read.
    """

    def __init__(self, path: Path, realm: str, clock: Clock, *, at_once: int = 1) -> None:
        provide(path, clock)
        parse = partial(parse_users, secret=clock.token(_SECRET_BYTES))
        self._users = WatchedFile("auth.htpasswd.path", path, parse, bytes_max=FILE_BYTES_MAX)
        self._realm = realm
        self._compares = Compares(at_once)
        self._remembered = Remembered(clock)
        self._slowdown = Slowdown(clock)

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        credentials = parse_basic(authorization)
        if credentials is None:
            raise challenge.basic(self._realm, wanted)
        if not await self._fits(credentials, peer):
            name = credentials.user[:_LOGGED_NAME_LENGTH]
            _log.info("the password given for %a from %s does not fit", name, peer)
            raise challenge.basic(self._realm, wanted)
        return EverythingGranted(credentials.user)

    def hash_of(self, user: str) -> bytes | None:
        """What the file says of a user now; None for one who is not there."""
        return self._users.value().hash_of(user)

    async def _fits(self, credentials: Credentials, peer: str) -> bool:
        """Whether name and password belong together; takes as long for an unknown name."""
        users = self._users.value()
        known = users.hash_of(credentials.user)
        hashed = users.decoy_for(credentials.user) if known is None else known
        key = self._remembered.key(credentials.user.encode(), credentials.password, hashed)
        if self._remembered.knows(key):
            return True
        if self._compares.under_way(key):
            return await self._compares.join(key) and known is not None
        await self._slowdown.take_turn(peer)
        if not await self._compares.matches(key, credentials.password, hashed) or known is None:
            return False
        self._slowdown.succeeded(peer)
        self._remembered.add(key)
        return True

    def close(self) -> None:
        """End the threads that compare."""
        self._compares.close()


_: type[Authority] = HtpasswdAuthority

"""`auth.silly`: lets everybody in who sends any Authorization header at all. For tests only."""

from collections.abc import Sequence
from typing import Final

from layerstore.auth import challenge
from layerstore.auth.access import Access, Authority, EverythingGranted, Grant

USER: Final = "silly"


class SillyAuthority:
    """Looks whether there is an Authorization header, and not into it."""

    def __init__(self, realm: str, service: str) -> None:
        self._realm = realm
        self._service = service

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        if not authorization:
            raise challenge.bearer(self._realm, self._service, wanted)
        return EverythingGranted(USER)


_: type[Authority] = SillyAuthority

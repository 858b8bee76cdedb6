"""Whose credentials are used: those of the configuration, or those of the cloud's usual chain.

The chain is botocore's: variables, profiles and files, web identity, the role of a container, the
role of the machine. It is loaded only where it is asked, and asked in a thread.
"""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from layerstore.storage.objects.patience import Trouble
from layerstore.storage.s3.signature import Credentials

if TYPE_CHECKING:
    from botocore.credentials import Credentials as Found

METADATA_S: Final = 2
"""Seconds that the machine's metadata service has for an answer, tried twice."""

METADATA_ATTEMPTS: Final = 2
CHAIN_S: Final = 20.0
"""Seconds for the whole chain."""


class CredentialSource(Protocol):
    """Where credentials come from."""

    async def current(self) -> Credentials:
        """Those that are good now. Raises Trouble when there are none."""

    def known(self) -> Credentials | None:
        """The last ones, without waiting; None when none were asked for yet."""

    def expired(self) -> None:
        """The store does not take them any more."""


class GivenCredentials:
    """Those that the configuration names."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self._credentials = Credentials(access_key, secret_key)

    async def current(self) -> Credentials:
        return self._credentials

    def known(self) -> Credentials | None:
        return self._credentials

    def expired(self) -> None:
        """They are what they are."""


class ChainCredentials:
    """Those that the chain finds; lent ones are renewed before they end."""

    def __init__(self, find: Callable[[], "Found | None"] | None = None) -> None:
        """`find` goes along the chain once; None is botocore's."""
        self._find = find or _along_the_chain
        self._found: Any = None  # Any: of botocore's several classes, which renew themselves
        self._last: Credentials | None = None
        self._asking = asyncio.Lock()

    async def current(self) -> Credentials:
        if self._last is not None and not self._is_old():
            return self._last
        async with self._asking:
            try:
                async with asyncio.timeout(CHAIN_S):
                    self._last = await asyncio.to_thread(self._frozen)
            except TimeoutError:
                raise Trouble("credentials cannot be had in time") from None
        return self._last

    def _is_old(self) -> bool:
        refresh_needed = getattr(self._found, "refresh_needed", None)
        return bool(refresh_needed()) if refresh_needed is not None else False

    def _frozen(self) -> Credentials:
        try:
            if self._found is None:
                self._found = self._find()
            if self._found is None:
                raise Trouble("no credentials were found")
            frozen = self._found.get_frozen_credentials()
        except Trouble:
            raise
        except Exception as error:  # the chain's own, of many libraries
            raise Trouble(f"credentials cannot be had: {type(error).__name__}") from error
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")

    def known(self) -> Credentials | None:
        return self._last

    def expired(self) -> None:
        self._found = None
        self._last = None


def _along_the_chain() -> "Found | None":
    import botocore.session

    os.environ.setdefault("AWS_METADATA_SERVICE_TIMEOUT", str(METADATA_S))
    os.environ.setdefault("AWS_METADATA_SERVICE_NUM_ATTEMPTS", str(METADATA_ATTEMPTS))
    return botocore.session.get_session().get_credentials()


_: type[CredentialSource] = GivenCredentials
_2: type[CredentialSource] = ChainCredentials

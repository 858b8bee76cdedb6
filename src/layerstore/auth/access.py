"""What a request wants to do, and what a caller may.

An Access is one action on one resource, in the words of the token protocol (registry-facts §2.11);
a Grant answers for one caller.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

REPOSITORY: Final = "repository"
REGISTRY: Final = "registry"


class Access(NamedTuple):
    """One action wanted: (`repository`, name, `pull`), (`registry`, `catalog`, `*`), …"""

    kind: str
    name: str
    action: str


class Grant(Protocol):
    """What one caller may, for the length of one request."""

    @property
    def user(self) -> str:
        """The caller's name; empty for nobody in particular."""

    @property
    def pulls_everything(self) -> bool:
        """Whether the caller may pull every repository there is."""

    def allows(self, access: Access) -> bool:
        """Whether this one action is covered."""

    def named(self) -> Sequence[str]:
        """The repositories that the grant itself names, for a mount without `from`."""


class Authority(Protocol):
    """Decides who a caller is and what he may."""

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str
    ) -> Grant:
        """The caller's grant, which covers all that is wanted.

        Raises Unauthorized (with a challenge), Denied, TooManyRequests (oci/errors).
        """


class EverythingGranted:
    """The Grant of a registry that asks nobody who he is."""

    user = ""
    pulls_everything = True

    def allows(self, access: Access) -> bool:
        return True

    def named(self) -> Sequence[str]:
        return ()


class OpenAuthority:
    """No `auth` in the configuration: everybody may do everything."""

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str
    ) -> Grant:
        return EverythingGranted()


_: type[Grant] = EverythingGranted
_2: type[Authority] = OpenAuthority

"""What a request wants to do, and what a caller may.

An Access is one action on one resource, in the words of the token protocol (registry-facts §2.11);
a Grant answers for one caller. Two actions are finer than the protocol's: `create` (a tag that is
not there yet) and `overwrite` (one that is). Whoever may push may do both, unless a policy tells
them apart (`policies.py`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

REPOSITORY: Final = "repository"
REGISTRY: Final = "registry"

PULL: Final = "pull"
PUSH: Final = "push"
CREATE: Final = "create"
OVERWRITE: Final = "overwrite"
DELETE: Final = "delete"
EVERY_ACTION: Final = "*"


class Access(NamedTuple):
    """One action wanted: (`repository`, name, `pull`), (`registry`, `catalog`, `*`), …"""

    kind: str
    name: str
    action: str


CATALOG: Final = Access(REGISTRY, "catalog", EVERY_ACTION)
TOKEN: Final = Access(REGISTRY, "token", EVERY_ACTION)
"""To be handed a pass (`passes.py`): for whoever is known, and for everybody under rules."""


class AuthorityUnusable(Exception):
    """An authority cannot start with these settings or files; the text says what to change."""


class Grant(Protocol):
    """What one caller may, for the length of one request."""

    @property
    def user(self) -> str:
        """The caller's name, printable; empty for nobody in particular."""

    @property
    def pulls_everything(self) -> bool:
        """Whether the caller may pull every repository there is."""

    def allows(self, access: Access) -> bool:
        """Whether this one action is covered; `create` and `overwrite` are parts of `push`."""

    def sees(self, name: str) -> bool:
        """Whether a list of repositories that the caller may read shows this one."""

    def named(self) -> Sequence[str]:
        """The repositories that the grant itself names, for a mount without `from`."""


class Authority(Protocol):
    """Decides who a caller is and what he may."""

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        """The caller's grant, which covers all that is wanted.

        `peer` is the client's network address, empty on a unix socket; `origin` is how the client
        addressed the registry (`https://host:port`), empty where that is unknown.

        Raises Unauthorized (with a challenge), Denied, TooManyRequests (oci/errors).
        """


class EverythingGranted:
    """The Grant of a caller who may do everything, and need not have a name."""

    pulls_everything = True

    def __init__(self, user: str = "") -> None:
        self.user = user

    def allows(self, access: Access) -> bool:
        return True

    def sees(self, name: str) -> bool:
        return True

    def named(self) -> Sequence[str]:
        return ()


class OpenAuthority:
    """No `auth` in the configuration: everybody may do everything."""

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        return _EVERYTHING


_EVERYTHING: Final = EverythingGranted()
_: type[Grant] = EverythingGranted
_2: type[Authority] = OpenAuthority

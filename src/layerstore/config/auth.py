"""`auth`: who may do what."""

from typing import ClassVar, Literal

from msgspec import field

from layerstore.config.section import Section

Action = Literal["pull", "push", "create", "overwrite", "delete", "*"]


class Nobody(Section, frozen=True):
    """No check: everybody may do everything."""


class Htpasswd(Section, frozen=True):
    """Names and passwords from a file, as `htpasswd -B` writes it (bcrypt)."""

    realm: str = ""
    """Told to clients."""

    path: str = ""
    """The file. A missing one is made at the start, with a user `docker`."""


class Token(Section, frozen=True):
    """Tokens of a service that clients log in to."""

    realm: str = ""
    """URL of the service."""

    service: str = ""
    """Name of this registry, as the service knows it."""

    issuer: str = ""
    """Name of the service, as its tokens say it."""

    rootcertbundle: str = ""
    """File with certificates whose keys sign tokens, PEM."""

    jwks: str = ""
    """File with a set of keys that sign tokens, JSON."""

    autoredirect: bool = False
    """Whether the service is on this registry's host."""

    autoredirectpath: str = "/auth/token"
    """Its path there."""

    signingalgorithms: tuple[str, ...] = ()
    """Algorithms that are taken; empty: EdDSA and those of RS, ES and PS. Symmetric ones never."""

    deletescope: Literal["delete", "*"] = "delete"
    """Ours: The action that is asked for to delete; `*` for services that know no `delete`."""


class Silly(Section, frozen=True):
    """Whoever sends any `Authorization` is let in: for tests only."""

    realm: str = ""
    """Told to clients."""

    service: str = ""
    """Told to clients."""


class Policy(Section, frozen=True):
    """A rule: whom it fits may do its actions in its repositories."""

    exact: ClassVar = True

    users: tuple[str, ...] | None = None
    """Names it fits; `*`: everybody who logged in. A rule without the keys `users` and `groups`
    fits everybody, logged in or not; an empty list fits nobody."""

    groups: tuple[str, ...] | None = None
    """Groups it fits (`auth.groups`)."""

    addresses: tuple[str, ...] | None = None
    """Addresses and networks that requests come from; without the key from everywhere."""

    repositories: tuple[str, ...] | None = None
    """Patterns of names: `*` within a segment, `**` for any segments, `{user}` for the caller's
    name; without the key every repository."""

    actions: tuple[Action, ...] = ()
    """What is allowed. `push` is `create` and `overwrite`."""


class Auth(Section, frozen=True):
    """Who may do what: at most one of `none`, `silly`, `htpasswd`, `token`."""

    chooses: ClassVar = True
    exact: ClassVar = True

    none: Nobody | None = None
    """No check."""

    silly: Silly | None = None
    """For tests."""

    htpasswd: Htpasswd | None = None
    """Names and passwords."""

    token: Token | None = None
    """Tokens."""

    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Ours: Groups of users, for `policies`."""

    policies: tuple[Policy, ...] = ()
    """Ours: Rules on top of any of these; with rules, only what one of them allows is allowed."""

    @property
    def kinds(self) -> list[str]:
        """The kinds that are named."""
        return [name for name in KINDS if getattr(self, name) is not None]


KINDS = ("none", "silly", "htpasswd", "token")
"""The names of the kinds of check."""

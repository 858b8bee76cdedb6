"""`auth.policies`: rules of who may do what where, on top of any authority.

    auth:
      htpasswd: {realm: registry, path: /etc/registry/htpasswd}
      groups:
        release: [carol, robot]
      policies:
        - actions: [pull]                                     # everybody, logged in or not
        - {users: ["*"], actions: [pull, push]}               # whoever logged in
        - {groups: [release], repositories: [released/**], actions: [pull, create]}
        - {users: [alice], addresses: [10.0.0.0/8], actions: ["*"]}

A rule fits a caller by name or group (`*`: whoever logged in), by network address and by
repository (`patterns.py`); a key that is not written fits everybody, every address, every
repository, and one with an empty list nobody and nothing. What no rule allows
is refused, and no rule allows more than the authority underneath does: the order of rules means
nothing, and none takes anything away. `push` is `create`, a tag that is not there yet, and
`overwrite`, letting one that is there lead elsewhere; whoever may do either may bring content.

Whoever sends no credentials is let in without the authority being asked where the rules allow
everybody what is wanted; the bare `/v2/` always asks the authority, since clients learn there how
to log in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final, NamedTuple, TypeAlias

from layerstore.auth.access import (
    CATALOG,
    CREATE,
    DELETE,
    EVERY_ACTION,
    OVERWRITE,
    PULL,
    PUSH,
    REPOSITORY,
    TOKEN,
    Access,
    Authority,
    AuthorityUnusable,
    EverythingGranted,
    Grant,
)
from layerstore.auth.addresses import parse_address
from layerstore.auth.basic import names_nobody
from layerstore.auth.challenge import detail
from layerstore.auth.patterns import Pattern
from layerstore.oci.errors import Denied

WHOEVER_LOGGED_IN: Final = "*"

_COVERED_BY: Final[Mapping[str, frozenset[str]]] = {
    PULL: frozenset((PULL,)),
    CREATE: frozenset((CREATE, PUSH)),
    OVERWRITE: frozenset((OVERWRITE, PUSH)),
    PUSH: frozenset((PUSH, CREATE, OVERWRITE)),
    DELETE: frozenset((DELETE,)),
}
"""The actions of a rule that allow each action that may be wanted, beside `*`."""

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class Caller(NamedTuple):
    """Who asks (empty: nobody in particular), and from where (None: a unix socket)."""

    user: str
    address: Address | None


@dataclass(frozen=True)
class Rule:
    """One rule. `users` and `networks` None: everybody, from everywhere."""

    users: frozenset[str] | None
    networks: tuple[Network, ...] | None
    patterns: tuple[Pattern, ...]
    actions: frozenset[str]

    @property
    def fits_everybody(self) -> bool:
        """Whether nobody has to say who he is."""
        return self.users is None

    def fits(self, caller: Caller) -> bool:
        """Whether it tells of this caller at all."""
        return self._fits_user(caller.user) and self._fits_address(caller.address)

    def _fits_user(self, user: str) -> bool:
        if self.users is None:
            return True
        return bool(user) and (user in self.users or WHOEVER_LOGGED_IN in self.users)

    def _fits_address(self, address: Address | None) -> bool:
        if self.networks is None:
            return True
        return address is not None and any(address in network for network in self.networks)

    def covers(self, action: str) -> bool:
        """Whether the action is among those it allows."""
        if EVERY_ACTION in self.actions:
            return True
        return not self.actions.isdisjoint(_COVERED_BY.get(action, frozenset()))

    def reaches(self, name: str, user: str) -> bool:
        """Whether it tells of this repository."""
        return any(pattern.fits(name, user) for pattern in self.patterns)

    @property
    def reaches_everything(self) -> bool:
        return any(pattern.everything for pattern in self.patterns)


def parse_rule(
    *,
    users: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    addresses: Sequence[str] | None = None,
    repositories: Sequence[str] | None = None,
    actions: Sequence[str] | None = None,
    members: Mapping[str, Sequence[str]],
) -> Rule:
    """A rule as the configuration writes it; `members` are those of every group.

    Raises ValueError, with a sentence, for a rule that says nothing or something impossible.
    """
    everybody = users is None and groups is None
    patterns = ["**"] if repositories is None else repositories
    return Rule(
        None if everybody else frozenset(users or ()).union(_members(groups or (), members)),
        None if addresses is None else tuple(_network(text) for text in addresses),
        tuple(Pattern(text) for text in patterns),
        _actions(actions or ()),
    )


def _members(groups: Iterable[str], members: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """A group holds the users that it names and no others: `*` is no name."""
    for group in groups:
        if group not in members:
            raise ValueError(f"there is no group {group!r} in auth.groups")
        if WHOEVER_LOGGED_IN in members[group]:
            raise ValueError(f"auth.groups.{group}: a group names its users; * is none")
        yield from members[group]


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"addresses: {error}") from None


def _actions(actions: Sequence[str]) -> frozenset[str]:
    unknown = set(actions) - _COVERED_BY.keys() - {EVERY_ACTION}
    if unknown or not actions:
        what = f"{min(unknown)!r} is no action" if unknown else "it allows nothing"
        raise ValueError(f"actions: {what}; there are {', '.join(_COVERED_BY)} and *")
    return frozenset(actions)


class PolicyGrant:
    """What the rules leave of another grant."""

    def __init__(self, granted: Grant, rules: Sequence[Rule]) -> None:
        """`rules` are those that fit the caller."""
        self._granted = granted
        self._rules = rules

    @property
    def user(self) -> str:
        return self._granted.user

    @property
    def pulls_everything(self) -> bool:
        pulling = (rule for rule in self._rules if rule.covers(PULL))
        return self._granted.pulls_everything and any(rule.reaches_everything for rule in pulling)

    def allows(self, access: Access) -> bool:
        return self._granted.allows(access) and self._ruled(access)

    def _ruled(self, access: Access) -> bool:
        if access == TOKEN:
            return bool(self._rules)
        if access == CATALOG:
            return any(rule.covers(PULL) for rule in self._rules)
        return access.kind == REPOSITORY and any(
            rule.covers(access.action) and rule.reaches(access.name, self.user)
            for rule in self._rules
        )

    def sees(self, name: str) -> bool:
        return self._granted.sees(name) and self._ruled(Access(REPOSITORY, name, PULL))

    def named(self) -> Sequence[str]:
        written = (
            pattern.text
            for rule in self._rules
            for pattern in rule.patterns
            if rule.covers(PULL) and pattern.literal
        )
        names = dict.fromkeys((*self._granted.named(), *written))
        return [name for name in names if self.allows(Access(REPOSITORY, name, PULL))]


class PolicyAuthority:
    """Narrows what another authority grants, and lets in whom the rules let in without it."""

    def __init__(self, authority: Authority, rules: Sequence[Rule]) -> None:
        self._authority = authority
        self._rules = rules

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        if wanted and names_nobody(authorization):
            public = self._narrowed(EverythingGranted(), peer)
            if _covers(public, wanted):
                return public
        granted = await self._authority.authorize(authorization, wanted, peer, origin)
        narrowed = self._narrowed(granted, peer)
        if not _covers(narrowed, wanted):
            raise Denied(detail([access for access in wanted if not narrowed.allows(access)]))
        return narrowed

    def _narrowed(self, granted: Grant, peer: str) -> PolicyGrant:
        caller = Caller(granted.user, parse_address(peer))
        return PolicyGrant(granted, [rule for rule in self._rules if rule.fits(caller)])


def _covers(grant: Grant, wanted: Sequence[Access]) -> bool:
    return all(grant.allows(access) for access in wanted)


def checked_rules(
    rules: Iterable[Mapping[str, Sequence[str] | None]], members: Mapping[str, Sequence[str]]
) -> list[Rule]:
    """The rules of `auth.policies`, each a mapping of its keys. Raises AuthorityUnusable."""
    parsed: list[Rule] = []
    for number, rule in enumerate(rules):
        try:
            parsed.append(parse_rule(**rule, members=members))
        except ValueError as error:
            raise AuthorityUnusable(f"auth.policies[{number}]: {error}") from None
    return parsed


_: type[Grant] = PolicyGrant
_2: type[Authority] = PolicyAuthority

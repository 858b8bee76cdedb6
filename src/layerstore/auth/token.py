"""`auth.token`: tokens of a service that both the client and we trust (registry-facts §2.11)."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from layerstore.auth import challenge, jws
from layerstore.auth.access import (
    CATALOG,
    CREATE,
    DELETE,
    EVERY_ACTION,
    OVERWRITE,
    PULL,
    PUSH,
    REPOSITORY,
    Access,
    Authority,
    AuthorityUnusable,
    Grant,
)
from layerstore.auth.bearer import ALGORITHMS, TokenInvalid, beside, parse_bearer
from layerstore.auth.remembered import Remembered
from layerstore.auth.trust import TrustedKeys
from layerstore.clock import Clock
from layerstore.oci.errors import Unauthorized

LEEWAY_SECONDS: Final = 60
"""By how much the clocks of the service and of this machine may differ."""

USER_LENGTH_MAX: Final = 256
"""Characters of a caller's name."""

_REALM_PATH: Final = "/auth/token"
_PARTS_OF_PUSH: Final = (CREATE, OVERWRITE)

_log = logging.getLogger(__name__)


class AccessEntry(msgspec.Struct, frozen=True):
    """What a token lets its bearer do with one resource."""

    type: str
    name: str
    actions: tuple[str, ...] = ()


class Claims(msgspec.Struct, frozen=True):
    """What a token says (RFC 7519 §4.1); one without `exp` has expired."""

    iss: str = ""
    sub: str = ""
    aud: str | tuple[str, ...] = ()
    exp: float = 0
    nbf: float = 0
    access: tuple[AccessEntry, ...] | None = None

    @property
    def audience(self) -> tuple[str, ...]:
        return (self.aud,) if isinstance(self.aud, str) else self.aud


@dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """The section `auth.token`. `algorithms` empty: all that are taken at all (`ALGORITHMS`).

    `delete_scope` is the action that a challenge asks for where something is to be deleted.
    """

    realm: str
    service: str
    issuer: str
    bundle: Path | None = None
    jwks: Path | None = None
    algorithms: frozenset[str] = frozenset()
    autoredirect: bool = False
    autoredirect_path: str = _REALM_PATH
    delete_scope: str = DELETE


class TokenGrant:
    """What the entries of one verified token allow."""

    pulls_everything = False

    def __init__(self, user: str, entries: Iterable[AccessEntry]) -> None:
        self.user = user
        self._actions = _merged(entries)

    def allows(self, access: Access) -> bool:
        allowed = self._actions.get((access.kind, access.name), frozenset())
        action = PUSH if access.action in _PARTS_OF_PUSH else access.action
        return action in allowed or EVERY_ACTION in allowed

    def sees(self, name: str) -> bool:
        """A service that grants the catalog grants all of it, as it does with the original."""
        return self.allows(CATALOG) or self.allows(Access(REPOSITORY, name, PULL))

    def named(self) -> Sequence[str]:
        repositories = (name for kind, name in self._actions if kind == REPOSITORY)
        return [name for name in repositories if self.allows(Access(REPOSITORY, name, PULL))]


class TokenAuthority:
    """Lets in who bears a token of the service. Raises AuthorityUnusable."""

    def __init__(self, settings: TokenSettings, clock: Clock) -> None:
        _check(settings)
        self._settings = settings
        self._clock = clock
        self._algorithms = settings.algorithms or ALGORITHMS
        self._keys = TrustedKeys(settings.bundle, settings.jwks)
        self._remembered = Remembered(clock)

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        token = parse_bearer(authorization)
        if token is None:
            raise self._challenge(wanted, origin)
        try:
            claims = self._verified(token)
        except TokenInvalid as error:
            _log.info("a token from %s is not believed: %s", peer, error)
            raise self._challenge(wanted, origin, challenge.INVALID_TOKEN) from None
        grant = TokenGrant(printable(claims.sub), claims.access or ())
        if not all(grant.allows(access) for access in wanted):
            raise self._challenge(wanted, origin, challenge.INSUFFICIENT_SCOPE)
        return grant

    def _verified(self, token: str) -> Claims:
        """The claims come last: nothing is believed before its signature.

        While the keys are the same a signature is verified once a minute; claims count each time.
        """
        now = self._clock.now()
        signed = jws.parse(token, self._algorithms)
        mark = self._remembered.key(token.encode(), self._keys.edition())
        if not self._remembered.knows(mark):
            signed.verify(self._keys.key_for(signed.header, now))
            self._remembered.add(mark)
        try:
            claims = msgspec.json.decode(signed.payload, type=Claims)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise TokenInvalid("its claims are not what they should be") from None
        self._check_claims(claims, now)
        return claims

    def _check_claims(self, claims: Claims, now: datetime) -> None:
        if claims.iss != self._settings.issuer:
            raise TokenInvalid(f"it was issued by {claims.iss[:80]!a}")
        if self._settings.service not in claims.audience:
            raise TokenInvalid("it is meant for another audience")
        if now.timestamp() >= claims.exp + LEEWAY_SECONDS:
            raise TokenInvalid("it has expired")
        if now.timestamp() < claims.nbf - LEEWAY_SECONDS:
            raise TokenInvalid("it is not valid yet")

    def _challenge(
        self, wanted: Sequence[Access], origin: str, error: str | None = None
    ) -> Unauthorized:
        asked = [self._as_asked(access) for access in wanted]
        return challenge.bearer(self._realm(origin), self._settings.service, asked, error)

    def _as_asked(self, access: Access) -> Access:
        """As the service knows it (decisions 8)."""
        if access.action == DELETE:
            return access._replace(action=self._settings.delete_scope)
        return access

    def _realm(self, origin: str) -> str:
        """`realm`, or the registry's own host under `autoredirect`, as the client names it."""
        settings = self._settings
        elsewhere = beside(origin, settings.autoredirect_path) if settings.autoredirect else None
        return elsewhere or settings.realm or settings.autoredirect_path


def _check(settings: TokenSettings) -> None:
    for name in ("realm", "service", "issuer"):
        if not getattr(settings, name) and not (name == "realm" and settings.autoredirect):
            raise AuthorityUnusable(f"auth.token.{name}: has to be given")
    refused = sorted(settings.algorithms - ALGORITHMS)
    if refused:
        _log.warning(
            "auth.token.signingalgorithms: never taken: %s; only public keys are trusted",
            ", ".join(refused),
        )
    if settings.algorithms and not settings.algorithms & ALGORITHMS:
        raise AuthorityUnusable(
            "auth.token.signingalgorithms: none of them is taken; there are "
            + ", ".join(sorted(ALGORITHMS))
        )


def _merged(entries: Iterable[AccessEntry]) -> Mapping[tuple[str, str], frozenset[str]]:
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries:
        resource = (entry.type, entry.name)
        merged[resource] = merged.get(resource, frozenset()).union(entry.actions)
    return merged


def printable(name: str) -> str:
    """A caller's name as it may stand in a log line; one that may not is nobody's."""
    return name if name.isprintable() and len(name) <= USER_LENGTH_MAX else ""


_: type[Grant] = TokenGrant
_2: type[Authority] = TokenAuthority

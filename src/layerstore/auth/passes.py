"""Passes: tokens that this registry hands out itself, to its users and to nobody in particular.

Docker's daemon gives up where it is asked for a password and has none, even if everybody may pull.
So a registry of passwords with rules for everybody asks for a token instead and is its own token
service. A pass says who somebody is and nothing else: what he may, the rules decide each time.
"""

import hmac
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from layerstore.auth import challenge
from layerstore.auth.access import TOKEN, Access, Authority, EverythingGranted, Grant
from layerstore.auth.bearer import TokenInvalid, beside, parse_bearer
from layerstore.clock import Clock
from layerstore.oci import webkeys
from layerstore.oci.errors import Denied, Unauthorized

PASS_SECONDS: Final = 300
PASS_LENGTH_MAX: Final = 2_048
"""Characters; one for the longest name that is taken has fewer."""

_MAC_BYTES: Final = 32
_PURPOSE: Final = b"layerstore passes"
"""The same secret serves for other things."""

_log = logging.getLogger(__name__)


class Pass(NamedTuple):
    """One pass, as its bearer sends it, good for PASS_SECONDS from `issued`."""

    text: str
    issued: datetime


class _Content(msgspec.Struct, frozen=True):
    user: str
    until: float
    line: str


class Passes:
    """Makes and reads passes under a secret that all processes share.

    `hash_of` tells the password hash of a user, None for one who is not there: a pass ends with the
    password that it was given for.
    """

    def __init__(self, secret: bytes, clock: Clock, hash_of: Callable[[str], bytes | None]) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock
        self._hash_of = hash_of

    def issue(self, user: str) -> Pass:
        """A pass for somebody who is known, or for nobody (empty). Raises Denied."""
        line, now = self._line(user), self._clock.now()
        if line is None:
            raise Denied
        content = msgspec.json.encode(_Content(user, now.timestamp() + PASS_SECONDS, line))
        return Pass(webkeys.encode(self._mac(content) + content), now)

    def user_of(self, text: str) -> str:
        """Whose pass it is. Raises TokenInvalid."""
        content = self._opened(text)
        if content.until <= self._clock.now().timestamp():
            raise TokenInvalid("the pass has expired")
        if content.line != self._line(content.user):
            raise TokenInvalid("the password that the pass was given for is good no more")
        return content.user

    def _opened(self, text: str) -> _Content:
        sealed = _decoded(text) if len(text) <= PASS_LENGTH_MAX else b""
        mac, content = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(content)):
            raise TokenInvalid("it is no pass of this registry")
        try:
            return msgspec.json.decode(content, type=_Content)
        except msgspec.MsgspecError:
            raise TokenInvalid("it is a pass of another version") from None

    def _line(self, user: str) -> str | None:
        """Stands for the user's line in the password file."""
        if not user:
            return ""
        hashed = self._hash_of(user)
        return None if hashed is None else self._mac(hashed).hex()

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, "sha256")


def _decoded(text: str) -> bytes:
    """Nothing at all for what is no base64, or is spelled in another way than `issue` does."""
    try:
        return webkeys.decode(text)
    except ValueError:
        return b""


class PassAuthority:
    """Lets in by pass and, as before, by password; asks for a pass wherever that is safe.

    `path` is where passes are handed out; `host` is the registry's own URL where it is known. Else
    it is the client's idea of it, believed with TLS or on the client's own machine only, for
    passwords will be sent there; elsewhere clients are asked for the password itself.

    Its place is below rules, and nowhere else: nobody's pass lets in, and they say what for.
    """

    def __init__(
        self, authority: Authority, passes: Passes, path: str, host: str | None = None
    ) -> None:
        self._authority = authority
        self._passes = passes
        self._path = path
        self._host = host

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        text, error = parse_bearer(authorization), None
        if text is not None and TOKEN not in wanted:
            try:
                return EverythingGranted(self._passes.user_of(text))
            except TokenInvalid as invalid:
                _log.info("a pass from %s is not believed: %s", peer, invalid)
                authorization, error = None, challenge.INVALID_TOKEN
        try:
            return await self._authority.authorize(authorization, wanted, peer, origin)
        except Unauthorized as refusal:
            raise self._challenge(refusal, wanted, origin, error) from None

    def _challenge(
        self, refusal: Unauthorized, wanted: Sequence[Access], origin: str, error: str | None = None
    ) -> Unauthorized:
        """For the pass; where passes are handed out, and where they are not, for the password."""
        realm = self._realm(origin)
        if realm is None or TOKEN in wanted:
            return refusal
        service = realm.partition("://")[2].partition("/")[0]
        return challenge.bearer(realm, service, wanted, error)

    def _realm(self, origin: str) -> str | None:
        if self._host:
            return self._host.rstrip("/") + self._path
        realm = beside(origin, self._path)
        return realm if realm is not None and realm.startswith(origin) else None


_: type[Authority] = PassAuthority

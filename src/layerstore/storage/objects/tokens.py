"""Tokens of OAuth 2.0: who asks shows one, and it ends after an hour or so."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec

from layerstore.clock import Clock
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.patience import Trouble

RENEWED_BEFORE: Final = timedelta(minutes=5)
"""How long before its end a token is replaced."""

ASKING_S: Final = 20.0
"""Seconds that whoever gives tokens may take."""

LIFETIME_S: Final = 3600
"""Seconds that a token lasts when nothing is said about it."""


class Token(NamedTuple):
    """A token, and until when it is good."""

    text: str
    ends: datetime


class _Given(msgspec.Struct):
    """What is answered (RFC 6749 §5.1); some say numbers as texts."""

    access_token: str
    expires_in: int | str = LIFETIME_S


class _Refused(msgspec.Struct):
    """RFC 6749 §5.2."""

    error: str = ""


class Tokens:
    """The token of one identity, asked for when it is needed and kept while it is good."""

    def __init__(self, ask: Callable[[], Awaitable[Token]], clock: Clock) -> None:
        """`ask` gets a new one; it may raise Trouble."""
        self._ask = ask
        self._clock = clock
        self._last: Token | None = None
        self._asking = asyncio.Lock()

    async def current(self) -> str:
        """One that is good for some minutes. Raises Trouble when there is none."""
        async with self._asking:
            if self._last is None or self._clock.now() + RENEWED_BEFORE >= self._last.ends:
                self._last = await self._ask()
            return self._last.text

    def expired(self) -> None:
        """The store does not take it any more."""
        self._last = None


async def asked_for_token(
    http: HttpClient,
    clock: Clock,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
) -> Token:
    """What a token endpoint gives. Raises Trouble."""
    sent = dict(headers or {})
    body = b""
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(form).encode()
    now = clock.now()
    answer = await http.ask(method, url, sent, body, ASKING_S)
    if answer.status != 200:
        raise Trouble(f"no token is given: {_reason(answer.content) or answer.status}")
    try:
        given = msgspec.json.decode(answer.content, type=_Given)
        return Token(given.access_token, now + timedelta(seconds=int(given.expires_in)))
    except (msgspec.DecodeError, ValueError) as error:
        raise Trouble("what is given is no token") from error


def _reason(content: bytes) -> str:
    try:
        error = msgspec.json.decode(content, type=_Refused).error
    except msgspec.DecodeError:
        return ""
    return error if error.isidentifier() else ""

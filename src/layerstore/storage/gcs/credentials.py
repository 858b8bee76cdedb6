"""Who asks Google Cloud Storage: the configured account, or what is found along the usual chain.

The chain is Google's application default credentials: the file that GOOGLE_APPLICATION_CREDENTIALS
names, the one that gcloud keeps, the machine's own account. Kinds of files: a service account's
key, a user's login, and another cloud's identity whose token stands in a file or at a URL.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from layerstore.clock import Clock
from layerstore.storage.gcs.keyfiles import Credentials, Elsewhere
from layerstore.storage.gcs.signature import SCOPE, AccountKey, KeyUnusable
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.patience import Trouble
from layerstore.storage.objects.tokens import ASKING_S, Token, Tokens, asked_for_token
from layerstore.storage.objects.unusable import StoreUnusable

_TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_METADATA_HOST: Final = "metadata.google.internal"
_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  # a name


class Identity(Protocol):
    """Who asks."""

    @property
    def key(self) -> AccountKey | None:
        """What signs addresses for clients, if there is anything."""

    async def header(self) -> dict[str, str]:
        """What a request is sent with. Raises Trouble."""

    def expired(self) -> None:
        """The store does not take it any more."""


class Nobody:
    """An emulator asks nobody who he is."""

    key: AccountKey | None = None

    async def header(self) -> dict[str, str]:
        return {}

    def expired(self) -> None:
        """There is nothing that could."""


class Bearer:
    """An identity that shows tokens."""

    def __init__(self, tokens: Tokens, key: AccountKey | None = None) -> None:
        self._tokens = tokens
        self.key = key

    async def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self._tokens.current()}"}

    def expired(self) -> None:
        self._tokens.expired()


def identity_of(
    credentials: Credentials | None,
    environment: Mapping[str, str],
    http: HttpClient,
    clock: Clock,
) -> Identity:
    """Raises StoreUnusable."""
    asking = _Asking(http, clock)
    if credentials is None:
        host = environment.get("GCE_METADATA_HOST") or _METADATA_HOST
        return Bearer(Tokens(lambda: asking.machine(host), clock))
    match credentials.type:
        case "service_account":
            try:
                key = AccountKey.of(
                    credentials.client_email, credentials.private_key_id, credentials.private_key
                )
            except KeyUnusable as error:
                raise StoreUnusable(str(error)) from error
            uri = credentials.token_uri or _TOKEN_URI
            return Bearer(Tokens(lambda: asking.account(key, uri), clock), key)
        case "authorized_user":
            return Bearer(Tokens(lambda: asking.user(credentials), clock))
        case "external_account" if credentials.credential_source != Elsewhere():
            return Bearer(Tokens(lambda: asking.elsewhere(credentials), clock))
        case other:
            raise StoreUnusable(
                f"credentials of the type {other!r} are not understood here; service_account, "
                "authorized_user and external_account with a token in a file or at a URL are"
            )


class _Asking:
    """The requests that get tokens. Each may raise Trouble."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def account(self, key: AccountKey, uri: str) -> Token:
        form = {"grant_type": _JWT_GRANT, "assertion": key.assertion(uri, self._clock.now())}
        return await asked_for_token(self._http, self._clock, "POST", uri, form=form)

    async def user(self, login: Credentials) -> Token:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": login.refresh_token,
            "client_id": login.client_id,
            "client_secret": login.client_secret,
        }
        uri = login.token_uri or _TOKEN_URI
        return await asked_for_token(self._http, self._clock, "POST", uri, form=form)

    async def machine(self, host: str) -> Token:
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        headers = {"Metadata-Flavor": "Google"}
        return await asked_for_token(self._http, self._clock, "GET", url, headers=headers)

    async def elsewhere(self, account: Credentials) -> Token:
        """The token of another cloud is exchanged, and then perhaps for that of an account."""
        form = {
            "grant_type": _EXCHANGE_GRANT,
            "audience": account.audience,
            "scope": SCOPE,
            "requested_token_type": _ACCESS_TOKEN,
            "subject_token_type": account.subject_token_type,
            "subject_token": await self._subject(account.credential_source),
        }
        token = await asked_for_token(self._http, self._clock, "POST", account.token_url, form=form)
        url = account.service_account_impersonation_url
        return await self._impersonated(url, token) if url else token

    async def _impersonated(self, url: str, token: Token) -> Token:
        headers = {"Authorization": f"Bearer {token.text}", "Content-Type": "application/json"}
        body = msgspec.json.encode({"scope": [SCOPE]})
        answer = await self._http.ask("POST", url, headers, body, ASKING_S)
        try:
            given = msgspec.json.decode(answer.content, type=_Impersonated)
        except msgspec.DecodeError as error:
            raise Trouble("the account cannot be acted for") from error
        return Token(given.access_token, given.expire_time)

    async def _subject(self, source: Elsewhere) -> str:
        if source.file:
            content = await asyncio.to_thread(_read, Path(source.file))
        else:
            content = (
                await self._http.ask("GET", source.url, source.headers, b"", ASKING_S)
            ).content
        if source.format.type != "json":
            return content.decode(errors="replace").strip()
        try:
            fields = msgspec.json.decode(content, type=dict[str, object])
        except msgspec.DecodeError as error:
            raise Trouble("the token to exchange is not in JSON") from error
        return str(fields.get(source.format.subject_token_field_name, ""))


class _Impersonated(msgspec.Struct, frozen=True, rename="camel"):
    """What `generateAccessToken` of the IAM credentials answers."""

    access_token: str
    expire_time: datetime


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Trouble("the token to exchange cannot be read") from error


_: type[Identity] = Bearer
_2: type[Identity] = Nobody

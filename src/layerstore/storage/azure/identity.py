"""Tokens of Microsoft's directory: of the configured application, or along the usual chain.

The chain: the application that the variables AZURE_… name, by its secret or by a token in a file
(workload identity), the identity of an app service, the identity of the machine.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from layerstore.clock import Clock
from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.patience import Trouble
from layerstore.storage.objects.tokens import Token, Tokens, asked_for_token

LOGIN: Final = "https://login.microsoftonline.com"
MACHINE: Final = "http://169.254.169.254"  # the address of every machine's own metadata
_RESOURCE: Final = "https://storage.azure.com"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Application:
    """An application in a tenant of the directory."""

    client: str
    tenant: str
    secret: str = ""
    token_file: str = ""


def application_tokens(
    application: Application, environment: Mapping[str, str], http: HttpClient, clock: Clock
) -> Tokens:
    """Those of an application."""
    host = (environment.get("AZURE_AUTHORITY_HOST") or LOGIN).rstrip("/")
    asking = _Asking(http, clock)
    return Tokens(lambda: asking.application(application, host), clock)


def chain_tokens(environment: Mapping[str, str], http: HttpClient, clock: Clock) -> Tokens:
    """Those of the first in the chain who is there."""
    application = Application(
        environment.get("AZURE_CLIENT_ID", ""),
        environment.get("AZURE_TENANT_ID", ""),
        environment.get("AZURE_CLIENT_SECRET", ""),
        environment.get("AZURE_FEDERATED_TOKEN_FILE", ""),
    )
    is_named = application.client and application.tenant
    if is_named and (application.secret or application.token_file):
        return application_tokens(application, environment, http, clock)
    asking = _Asking(http, clock)
    service = environment.get("IDENTITY_ENDPOINT", "")
    secret = environment.get("IDENTITY_HEADER", "")
    if service and secret:
        return Tokens(lambda: asking.app_service(service, secret, application.client), clock)
    return Tokens(lambda: asking.machine(application.client), clock)


class _Asking:
    """The requests that get tokens. Each may raise Trouble."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    async def application(self, application: Application, host: str) -> Token:
        form = {
            "grant_type": "client_credentials",
            "client_id": application.client,
            "scope": f"{_RESOURCE}/.default",
        }
        if application.secret:
            form["client_secret"] = application.secret
        else:
            form["client_assertion_type"] = _ASSERTION
            form["client_assertion"] = await asyncio.to_thread(_read, application.token_file)
        url = f"{host}/{application.tenant}/oauth2/v2.0/token"
        return await asked_for_token(self._http, self._clock, "POST", url, form=form)

    async def app_service(self, endpoint: str, secret: str, client: str) -> Token:
        headers = {"X-IDENTITY-HEADER": secret}
        return await self._managed(endpoint, "2019-08-01", client, headers)

    async def machine(self, client: str) -> Token:
        endpoint = f"{MACHINE}/metadata/identity/oauth2/token"
        return await self._managed(endpoint, "2018-02-01", client, {"Metadata": "true"})

    async def _managed(
        self, endpoint: str, version: str, client: str, headers: Mapping[str, str]
    ) -> Token:
        query = {"api-version": version, "resource": _RESOURCE}
        if client:
            query["client_id"] = client
        url = f"{endpoint}?{urlencode(query)}"
        return await asked_for_token(self._http, self._clock, "GET", url, headers=headers)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise Trouble("the token that proves who we are cannot be read") from error

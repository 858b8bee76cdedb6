"""Who asks Microsoft's store by a token, and how that is come by."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from layerstore.storage.azure.address import Address
from layerstore.storage.azure.identity import Application, application_tokens, chain_tokens
from layerstore.storage.azure.shown import LENT, UserSigner
from layerstore.storage.azure.signature import LentKey
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.patience import Trouble
from tests.fakes import FakeClock
from tests.unit.storage.answering import AnsweringClient, Request

APPLICATION = {"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant"}


def given(request: Request) -> Answer:
    return Answer(200, {}, json.dumps({"access_token": "token", "expires_in": "3599"}).encode())


@pytest.fixture
def client() -> AnsweringClient:
    return AnsweringClient(given)


async def test_an_application_shows_its_secret(client: AnsweringClient) -> None:
    application = Application("client", "tenant", "secret")
    assert await application_tokens(application, {}, client, FakeClock()).current() == "token"
    assert client.asked[0].url == "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    assert client.asked[0].form == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "scope": "https://storage.azure.com/.default",
        "client_secret": "secret",
    }


async def test_the_chain_begins_with_the_application_of_the_variables(
    client: AnsweringClient,
) -> None:
    environment = {
        **APPLICATION,
        "AZURE_CLIENT_SECRET": "secret",
        "AZURE_AUTHORITY_HOST": "https://login.example/",
        "IDENTITY_ENDPOINT": "http://not-asked.example",
        "IDENTITY_HEADER": "x",
    }
    await chain_tokens(environment, client, FakeClock()).current()
    assert client.asked[0].url == "https://login.example/tenant/oauth2/v2.0/token"


async def test_an_application_may_show_a_token_of_its_cluster(
    client: AnsweringClient, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("of the cluster\n")
    environment = {**APPLICATION, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    await chain_tokens(environment, client, FakeClock()).current()
    assert client.asked[0].form["client_assertion"] == "of the cluster"
    assert client.asked[0].form["client_assertion_type"].endswith(":jwt-bearer")


async def test_a_token_that_is_not_there_is_trouble(
    client: AnsweringClient, tmp_path: Path
) -> None:
    environment = {**APPLICATION, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "nothing")}
    with pytest.raises(Trouble, match="cannot be read"):
        await chain_tokens(environment, client, FakeClock()).current()


async def test_then_an_app_service_is_asked(client: AnsweringClient) -> None:
    environment = {"IDENTITY_ENDPOINT": "http://service.example/token", "IDENTITY_HEADER": "word"}
    await chain_tokens(environment, client, FakeClock()).current()
    asked = client.asked[0]
    assert (asked.method, asked.headers) == ("GET", {"X-IDENTITY-HEADER": "word"})
    assert query_of(asked.url) == {
        "api-version": "2019-08-01",
        "resource": "https://storage.azure.com",
    }


async def test_then_the_machine_is_asked(client: AnsweringClient) -> None:
    await chain_tokens({"AZURE_CLIENT_ID": "one of several"}, client, FakeClock()).current()
    asked = client.asked[0]
    assert asked.url.startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert asked.headers == {"Metadata": "true"}
    assert query_of(asked.url)["client_id"] == "one of several"


def query_of(url: str) -> dict[str, str]:
    return {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}


async def test_a_lent_key_is_asked_for_once_a_day() -> None:
    asked: list[tuple[datetime, datetime]] = []

    async def borrow(start: datetime, end: datetime) -> LentKey:
        asked.append((start, end))
        return LentKey("o", "t", "s", "e", "b", "v", b"key %d" % len(asked))

    clock = FakeClock()
    signer = UserSigner(Address("a", "https://a.example", "c"), borrow, clock)
    first = await signer.query("key", 1200)
    assert await signer.query("key", 1200) == first
    clock.pass_time(LENT.total_seconds() - 1000)
    assert await signer.query("key", 1200) != first
    assert len(asked) == 2
    assert all(start < clock.now() + LENT and end - start > LENT for start, end in asked)

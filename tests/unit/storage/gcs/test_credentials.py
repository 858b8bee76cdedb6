"""Who asks Google's store, and how tokens are come by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from layerstore.storage.gcs.credentials import identity_of
from layerstore.storage.gcs.keyfiles import Credentials, found_credentials, read_credentials
from layerstore.storage.gcs.opened import open_bucket
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.patience import Trouble
from layerstore.storage.objects.unusable import StoreUnusable
from tests.fakes import FakeClock
from tests.issuer import Signer
from tests.unit.storage.answering import AnsweringClient, Request

KEY = Signer.new("RS256").pem.decode()
ACCOUNT = {
    "type": "service_account",
    "client_email": "registry@project.example",
    "private_key_id": "key-1",
    "private_key": KEY,
    "token_uri": "https://tokens.example/token",
}
USER = {
    "type": "authorized_user",
    "client_id": "client",
    "client_secret": "secret of the client",
    "refresh_token": "refreshing",
}


def elsewhere(**source: Any) -> dict[str, Any]:
    return {
        "type": "external_account",
        "audience": "//iam.example/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.example/token",
        "credential_source": source,
    }


def given(request: Request) -> Answer:
    """A token that tells who gave it."""
    token = {"access_token": request.url, "expires_in": 3600}
    return Answer(200, {}, json.dumps(token).encode())


@pytest.fixture
def client() -> AnsweringClient:
    return AnsweringClient(given)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def of(fields: dict[str, Any]) -> Credentials:
    return msgspec.convert(fields, Credentials)


async def test_a_service_account_shows_what_it_signed(
    client: AnsweringClient, clock: FakeClock
) -> None:
    identity = identity_of(of(ACCOUNT), {}, client, clock)
    assert await identity.header() == {"Authorization": "Bearer https://tokens.example/token"}
    assert client.asked[0].form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert client.asked[0].form["assertion"].count(".") == 2
    assert identity.key is not None


async def test_a_user_shows_his_login(client: AnsweringClient, clock: FakeClock) -> None:
    identity = identity_of(of(USER), {}, client, clock)
    await identity.header()
    assert client.asked[0].url == "https://oauth2.googleapis.com/token"
    assert client.asked[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "refreshing",
        "client_id": "client",
        "client_secret": "secret of the client",
    }
    assert identity.key is None


async def test_a_machine_is_asked_who_it_is(client: AnsweringClient, clock: FakeClock) -> None:
    await identity_of(None, {"GCE_METADATA_HOST": "here.example"}, client, clock).header()
    asked = client.asked[0]
    assert asked.url == (
        "http://here.example/computeMetadata/v1/instance/service-accounts/default/token"
    )
    assert asked.headers == {"Metadata-Flavor": "Google"}


async def test_a_token_of_another_cloud_is_exchanged(
    client: AnsweringClient, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text('{"id": "theirs"}')
    form = {"type": "json", "subject_token_field_name": "id"}
    account = of(elsewhere(file=str(tmp_path / "token"), format=form))
    header = await identity_of(account, {}, client, clock).header()
    assert header == {"Authorization": "Bearer https://sts.example/token"}
    assert client.asked[0].form["subject_token"] == "theirs"
    assert client.asked[0].form["audience"] == "//iam.example/pool"


async def test_a_token_of_another_cloud_may_come_from_a_url_and_act_for_an_account(
    clock: FakeClock,
) -> None:
    def answer(request: Request) -> Answer:
        match request.url:
            case "https://theirs.example/token":
                assert request.headers == {"Metadata": "true"}
                return Answer(200, {}, b" theirs \n")
            case "https://iam.example/act":
                assert request.headers["Authorization"] == "Bearer https://sts.example/token"
                acting = {"accessToken": "acting", "expireTime": "2026-01-02T04:04:05Z"}
                return Answer(200, {}, json.dumps(acting).encode())
        assert request.form["subject_token"] == "theirs"
        return given(request)

    source = {"url": "https://theirs.example/token", "headers": {"Metadata": "true"}}
    account = {
        **elsewhere(**source),
        "service_account_impersonation_url": "https://iam.example/act",
    }
    identity = identity_of(of(account), {}, AnsweringClient(answer), clock)
    assert await identity.header() == {"Authorization": "Bearer acting"}


async def test_a_token_is_kept_while_it_is_good(client: AnsweringClient, clock: FakeClock) -> None:
    identity = identity_of(of(ACCOUNT), {}, client, clock)
    await identity.header()
    clock.pass_time(3200)
    await identity.header()
    assert len(client.asked) == 1
    clock.pass_time(200)
    await identity.header()
    assert len(client.asked) == 2
    identity.expired()
    await identity.header()
    assert len(client.asked) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(400, {}, b'{"error": "invalid_grant"}'), "no token is given: invalid_grant"),
        (Answer(403, {}, b'{"error": "with\\nlines"}'), "no token is given: 403"),
        (Answer(503, {}, b"<html>"), "no token is given: 503"),
        (Answer(200, {}, b"{}"), "what is given is no token"),
        (Answer(200, {}, b'{"access_token": "a", "expires_in": "x"}'), "is no token"),
    ],
    ids=["refused", "lines", "broken", "empty", "no number"],
)
async def test_no_token_is_told(answer: Answer, reason: str, clock: FakeClock) -> None:
    identity = identity_of(of(ACCOUNT), {}, AnsweringClient(lambda _: answer), clock)
    with pytest.raises(Trouble, match=reason):
        await identity.header()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "external_account_authorized_user"}, "external_account_authorized_user"),
        ({"type": "external_account"}, "'external_account' are not understood"),
        ({}, "type ''"),
        ({"type": "service_account"}, "private_key is no key"),
    ],
    ids=["another type", "another source", "none", "no key"],
)
def test_credentials_that_nobody_understands_are_refused(
    fields: dict[str, Any], reason: str, client: AnsweringClient, clock: FakeClock
) -> None:
    with pytest.raises(StoreUnusable, match=reason):
        identity_of(of(fields), {}, client, clock)


def test_files_are_looked_for_where_google_s_clients_look(tmp_path: Path) -> None:
    (tmp_path / "named.json").write_text(json.dumps(ACCOUNT))
    (tmp_path / "application_default_credentials.json").write_text(json.dumps(USER))
    kept = {"CLOUDSDK_CONFIG": str(tmp_path)}
    named = {**kept, "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "named.json")}
    assert found_credentials(kept) == of(USER)
    assert found_credentials(named) == of(ACCOUNT)
    assert found_credentials({"CLOUDSDK_CONFIG": str(tmp_path / "nothing")}) is None


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file"), ("{", "in JSON")])
def test_a_file_that_cannot_be_read_is_named(
    content: str | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StoreUnusable, match=f"account.json: .*{reason}"):
        read_credentials(path)


async def test_an_emulator_asks_nobody_who_he_is(clock: FakeClock) -> None:
    client = AnsweringClient(lambda _: Answer(200, {}, b'{"items": []}'))
    environment = {"STORAGE_EMULATOR_HOST": "127.0.0.1:4443"}
    bucket = open_bucket(GcsSettings("images"), clock, client, environment)
    await bucket.check()
    assert client.asked[0].url.startswith("http://127.0.0.1:4443/storage/v1/b/images/o?")
    assert "Authorization" not in client.asked[0].headers
    assert await bucket.url("key", 60, "GET") is None

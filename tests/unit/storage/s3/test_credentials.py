"""Credentials along the cloud's usual chain: variables, files, web identity, container, machine."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from layerstore.storage.objects.patience import Trouble
from layerstore.storage.s3.credentials import ChainCredentials, GivenCredentials
from layerstore.storage.s3.signature import Credentials
from tests.processes import free_port

NOBODY = "AWS_EC2_METADATA_DISABLED"


@pytest.fixture(autouse=True)
def _no_ones_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(NOBODY, "true")


def found() -> Credentials:
    return asyncio.run(ChainCredentials().current())


@contextmanager
def answering(answers: dict[str, Any]) -> Iterator[str]:
    """A server that answers each path with JSON, or with the text itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            body = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(404 if answer is None else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:  # the library's name
            """Tests are quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def lent(**more: Any) -> dict[str, Any]:
    later = datetime.now(UTC) + timedelta(hours=1)
    return {
        "AccessKeyId": "lent key",
        "SecretAccessKey": "lent secret",
        "Token": "lent token",
        "Expiration": later.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **more,
    }


def test_given_ones_are_taken_as_they_are() -> None:
    given = GivenCredentials("key", "secret")
    given.expired()
    assert given.known() == asyncio.run(given.current()) == Credentials("key", "secret")


def test_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert found() == Credentials("key", "secret", "token")


def test_a_profile_of_a_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id=a\naws_secret_access_key=b\n"
        "[images]\naws_access_key_id=c\naws_secret_access_key=d\n"
    )
    assert found() == Credentials("a", "b")
    monkeypatch.setenv("AWS_PROFILE", "images")
    assert found() == Credentials("c", "d")


def test_a_web_identity_takes_a_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>role key</AccessKeyId>"
        "<SecretAccessKey>role secret</SecretAccessKey><SessionToken>role token</SessionToken>"
        f"<Expiration>{later}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
        "</AssumeRoleWithWebIdentityResponse>"
    )
    (tmp_path / "token").write_text("token of the cluster")
    with answering({"/": answer}) as url:
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/registry")
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        assert found() == Credentials("role key", "role secret", "role token")


def test_a_container_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering({"/role": lent()}) as url:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/role")
        assert found() == Credentials("lent key", "lent secret", "lent token")


def test_a_machine_has_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = "/latest/meta-data/iam/security-credentials/"
    answers = {
        "/latest/api/token": "session",
        folder: "role",
        f"{folder}role": lent(Code="Success"),
    }
    monkeypatch.delenv(NOBODY)
    with answering(answers) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        assert found() == Credentials("lent key", "lent secret", "lent token")


def test_lent_ones_are_asked_for_once_until_the_store_refuses_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        answers = {"/role": lent()}
        with answering(answers) as url:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/role")
            source = ChainCredentials()
            assert source.known() is None
            first = await source.current()
            answers["/role"] = lent(Token="another")
            assert await source.current() == source.known() == first
            source.expired()
            assert (await source.current()).token == "another"

    asyncio.run(story())


def test_lent_ones_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        soon = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answers = {"/role": lent(Expiration=soon)}
        with answering(answers) as url:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/role")
            source = ChainCredentials()
            assert (await source.current()).token == "lent token"
            answers["/role"] = lent(Token="another")
            assert (await source.current()).token == "another"

    asyncio.run(story())


def test_without_any_it_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NOBODY)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    began = monotonic()
    with pytest.raises(Trouble, match="no credentials were found"):
        found()
    assert monotonic() - began < 20

"""Real clients log in, by password and by a token service, and are kept out otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.clients.content import TAG, Contents
from tests.clients.logins import CLIENTS, Client, DockerClient
from tests.issuer import ISSUER, SERVICE, Signer, certificate, pem, today
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server
from tests.token_service import TokenService, token_service
from tests.unit.auth.headers import basic
from tests.wire.client import SocketWire

ALICE, PASSWORD = "alice", "a long password, with a: colon"

ANONYMOUS_PULL = [
    {"actions": ["pull"], "repositories": ["public/**"]},
    {"users": ["*"], "actions": ["pull", "push"]},
]


@dataclass(frozen=True)
class Guarded:
    """A registry that alice may log in to; `service` hands out tokens where it takes them."""

    server: Server
    service: TokenService | None = None

    @property
    def host(self) -> str:
        """By name: crane trusts no token service at a private address, oras none elsewhere."""
        return self.server.host.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def by_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("passwords")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    (folder / "htpasswd").write_text(f"{ALICE}:{hashed}\n")
    htpasswd = {"realm": "our registry", "path": str(folder / "htpasswd")}
    auth = {"htpasswd": htpasswd, "policies": ANONYMOUS_PULL}
    with layerstore_server(folder / "storage", config={"auth": auth}) as server:
        yield Guarded(server)


@pytest.fixture(scope="module")
def by_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("tokens")
    signer = Signer.new("RS256")
    (folder / "bundle.pem").write_bytes(pem(certificate(signer, today())))
    with token_service(signer, {ALICE: PASSWORD}) as service:
        token: dict[str, Any] = {
            "realm": service.url,
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": str(folder / "bundle.pem"),
        }
        with layerstore_server(folder / "storage", config={"auth": {"token": token}}) as server:
            yield Guarded(server, service)


@pytest.fixture(params=["by_password", "by_token"])
def guarded(request: pytest.FixtureRequest) -> Guarded:
    found: Guarded = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest, home: Path, guarded: Guarded) -> Client:
    return CLIENTS[request.param](home, guarded.host)


def is_there(guarded: Guarded, name: str) -> bool:
    """Asked with alice's own credentials; a registry of tokens is asked with one of its own."""
    if guarded.service is None:
        credentials = basic(ALICE, PASSWORD)
    else:
        query = {"service": [SERVICE], "scope": [f"repository:{name}:pull"]}
        credentials = f"Bearer {guarded.service.answer(ALICE, query)['token']}"
    target = f"/v2/{name}/manifests/{TAG}"
    accept = {"Authorization": credentials}
    return SocketWire(guarded.host).ask("HEAD", target, accept).status == 200


def test_who_is_logged_in_pushes_and_pulls(
    client: Client, guarded: Guarded, contents: Contents, request: pytest.FixtureRequest
) -> None:
    name = f"private/{request.node.callspec.params['client']}"
    reference = f"{guarded.host}/{name}:{TAG}"
    client.login(ALICE, PASSWORD)
    client.push(contents.small, reference)
    assert is_there(guarded, name)
    client.pull(reference)
    client.logout()
    client.refuse_push(contents.small, reference)
    client.refuse_pull(reference)


def test_who_is_not_logged_in_pushes_nothing(
    client: Client, guarded: Guarded, contents: Contents, request: pytest.FixtureRequest
) -> None:
    name = f"public/not-{request.node.callspec.params['client']}"
    told = client.refuse_push(contents.small, f"{guarded.host}/{name}:{TAG}")
    assert any(
        word in told.lower() for word in ("unauthorized", "authentication", "401", "denied")
    ), told
    assert not is_there(guarded, name)


def test_a_wrong_password_opens_nothing(
    client: Client, guarded: Guarded, contents: Contents, request: pytest.FixtureRequest
) -> None:
    name = f"private/wrong-{request.node.callspec.params['client']}"
    client.refuse_login(ALICE, "a wrong password")
    client.refuse_push(contents.small, f"{guarded.host}/{name}:{TAG}")
    assert not is_there(guarded, name)


def test_everybody_pulls_what_is_public(
    client: Client, guarded: Guarded, contents: Contents, request: pytest.FixtureRequest
) -> None:
    name = f"public/by-{request.node.callspec.params['client']}"
    reference = f"{guarded.host}/{name}:{TAG}"
    client.login(ALICE, PASSWORD)
    client.push(contents.small, reference)
    client.logout()
    client.pull(reference)


@pytest.fixture
def docker_client(docker: Tool, guarded: Guarded, tmp_path: Path) -> DockerClient:
    return DockerClient(docker, guarded.host, tmp_path)


def test_docker_logs_in_pushes_and_pulls(
    docker_client: DockerClient, guarded: Guarded, contents: Contents
) -> None:
    reference = f"{guarded.host}/private/docker:{TAG}"
    docker_client.refuse_push(contents.small, reference)
    docker_client.refuse_login(ALICE, "a wrong password")
    docker_client.login(ALICE, PASSWORD)
    docker_client.push(contents.small, reference)
    docker_client.tool.run("rmi", "--force", reference)
    docker_client.pull(reference)
    docker_client.logout()
    docker_client.tool.run("rmi", "--force", reference)
    docker_client.refuse_pull(reference)


def test_docker_mounts_with_a_token_for_both_repositories(
    docker: Tool, by_token: Guarded, contents: Contents, tmp_path: Path
) -> None:
    client = DockerClient(docker, by_token.host, tmp_path)
    client.login(ALICE, PASSWORD)
    one, other = (f"{by_token.host}/private/docker-{name}:{TAG}" for name in ("from", "to"))
    client.push(contents.small, one)
    docker.run("tag", one, other)
    assert "Mounted from private/docker-from" in docker.run("push", other)
    client.logout()
    assert by_token.service is not None
    assert f"{ALICE} repository:private/docker-from:pull" in by_token.service.asked


def test_docker_pulls_what_is_public_without_a_login(
    docker_client: DockerClient, guarded: Guarded, contents: Contents
) -> None:
    """Of both registries: by the token service's token for nobody, or by our pass."""
    reference = f"{guarded.host}/public/docker:{TAG}"
    docker_client.login(ALICE, PASSWORD)
    docker_client.push(contents.small, reference)
    docker_client.logout()
    docker_client.tool.run("rmi", "--force", reference)
    docker_client.pull(reference)
    docker_client.refuse_push(contents.small, reference)

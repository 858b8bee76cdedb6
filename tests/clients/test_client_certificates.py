"""A registry that talks to holders of certificates only, and wants a password as well."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from tests.authority import CertificateAuthority, Pair
from tests.clients.content import TAG, Contents
from tests.clients.logins import Arguments, DockerClient, podman_tool
from tests.daemons import docker_daemon
from tests.processes import free_port
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, Settings, layerstore_server

ALICE, PASSWORD = "alice", "a long password"
NAME = "registry.example"
"""Docker presents no certificate to a host at 127.0.0.1, whatever it finds in its folder."""


@dataclass(frozen=True)
class Gated:
    """The registry, whom it trusts in, and alice's certificate."""

    server: Server
    authority: Path
    alice: Pair

    @property
    def host(self) -> str:
        return self.server.host

    @property
    def named(self) -> str:
        return f"{NAME}:{self.host.rpartition(':')[2]}"

    def fill(self, folder: Path, *, with_certificate: bool = True) -> Path:
        """The files as docker, podman, buildah and skopeo look for them."""
        folder.mkdir(parents=True)
        shutil.copy(self.authority, folder / "ca.crt")
        if with_certificate:
            shutil.copy(self.alice.certificate, folder / "client.cert")
            shutil.copy(self.alice.key, folder / "client.key")
        return folder


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    folder = tmp_path_factory.mktemp("gated")
    ours = CertificateAuthority(folder / "servers", "servers")
    theirs = CertificateAuthority(folder / "clients", "clients")
    pair = ours.issue("registry")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    (folder / "htpasswd").write_text(f"{ALICE}:{hashed}\n")
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    config: Settings = {
        "http": {
            "addr": f"localhost:{free_port()}",
            "tls": {**tls, "clientcas": [str(theirs.certificate)]},
        },
        "auth": {"htpasswd": {"realm": "ours", "path": str(folder / "htpasswd")}},
    }
    with layerstore_server(folder / "storage", config=config, workers=1) as server:
        yield Gated(server, ours.certificate, theirs.issue(ALICE))


@pytest.fixture
def certificates_of_docker(tmp_path: Path) -> Path:
    """What the daemon finds in /etc/docker/certs.d."""
    return tmp_path / "etc" / "certs.d"


@pytest.fixture
def docker(certificates_of_docker: Path, tmp_path: Path) -> Iterator[Tool]:
    """A daemon that knows the registry by its name, which leads to ::1."""
    certificates_of_docker.mkdir(parents=True)
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n::1 {NAME}\n")
    instead = {"/etc/hosts": hosts, "/etc/docker": certificates_of_docker.parent}
    with docker_daemon(tmp_path, instead=instead) as client:
        yield client


def test_docker_logs_in_pushes_and_pulls_with_a_certificate(
    docker: Tool, gated: Gated, contents: Contents, certificates_of_docker: Path, tmp_path: Path
) -> None:
    client = DockerClient(docker, gated.named, tmp_path)
    reference, folder = f"{gated.named}/by/docker:{TAG}", certificates_of_docker / gated.named
    gated.fill(folder, with_certificate=False)
    client.refuse_login(ALICE, PASSWORD)
    client.refuse_push(contents.small, reference)
    shutil.rmtree(folder)
    gated.fill(folder)
    client.refuse_push(contents.small, reference)
    client.login(ALICE, PASSWORD)
    client.push(contents.small, reference)
    docker.run("rmi", "--force", reference)
    client.pull(reference)
    client.logout()
    client.refuse_push(contents.small, reference)


@pytest.fixture(params=["podman", "skopeo"])
def tool(request: pytest.FixtureRequest, home: Path) -> Tool:
    if request.param == "podman":
        return podman_tool(home)
    credentials = {"REGISTRY_AUTH_FILE": str(home / "auth.json")}
    return Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home), **credentials})


def copying(tool: Tool, contents: Contents, reference: str, certificates: Path) -> Arguments:
    """How the content is pushed by that program."""
    if tool.path.name == "skopeo":
        to = f"docker://{reference}"
        return ("copy", f"--dest-cert-dir={certificates}", contents.small.source, to)
    taken_in = tool.run("pull", "--quiet", contents.small.source).strip()
    return ("push", f"--cert-dir={certificates}", taken_in, reference)


def fetching(tool: Tool, reference: str, certificates: Path, target: Path) -> Arguments:
    if tool.path.name == "skopeo":
        from_there = f"docker://{reference}"
        return ("copy", f"--src-cert-dir={certificates}", from_there, f"oci:{target}:{TAG}")
    return ("pull", f"--cert-dir={certificates}", reference)


def test_programs_log_in_push_and_pull_with_a_certificate(
    tool: Tool, gated: Gated, contents: Contents, tmp_path: Path
) -> None:
    """The certificate of the server is verified, too."""
    reference = f"{gated.host}/by/{tool.path.name}:{TAG}"
    certificates = gated.fill(tmp_path / "with")
    without = gated.fill(tmp_path / "without", with_certificate=False)
    entering = ("login", f"--username={ALICE}", f"--password={PASSWORD}")
    tool.refuse(*entering, f"--cert-dir={without}", gated.host)
    tool.run(*entering, f"--cert-dir={certificates}", gated.host)
    tool.run(*copying(tool, contents, reference, certificates))
    tool.run(*fetching(tool, reference, certificates, tmp_path / "pulled"))
    tool.refuse(*fetching(tool, reference, without, tmp_path / "not-pulled"))


def test_oras_pushes_and_pulls_with_a_certificate(
    gated: Gated, contents: Contents, home: Path, tmp_path: Path
) -> None:
    oras = Tool(need("oras"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home)})
    reference, ca = f"{gated.host}/by/oras:{TAG}", gated.authority
    pair = (gated.alice.certificate, gated.alice.key)
    entering = ("login", "-u", ALICE, "-p", PASSWORD, "--ca-file", ca)
    oras.refuse(*entering, gated.host)
    oras.run(*entering, "--cert-file", pair[0], "--key-file", pair[1], gated.host)
    to = ("--to-ca-file", ca, "--to-cert-file", pair[0], "--to-key-file", pair[1])
    local = f"{contents.small.layout.folder}:{TAG}"
    oras.run("cp", "--from-oci-layout", local, *to, reference)
    there = ("--from-ca-file", ca, "--from-cert-file", pair[0], "--from-key-file", pair[1])
    oras.run("cp", *there, reference, "--to-oci-layout", f"{tmp_path / 'pulled'}:{TAG}")


def test_a_password_without_a_certificate_opens_nothing(gated: Gated) -> None:
    curl = Tool(need("curl"), options=("--silent", "--cacert", str(gated.authority)))
    whom = ("--user", f"{ALICE}:{PASSWORD}")
    curl.refuse(*whom, f"https://{gated.host}/v2/")
    alice = ("--cert", gated.alice.certificate, "--key", gated.alice.key)
    status = ("--output", "/dev/null", "--write-out", "%{http_code}")
    assert curl.run(*whom, *alice, *status, f"https://{gated.host}/v2/") == "200"
    assert curl.run(*alice, *status, f"https://{gated.host}/v2/") == "401"

"""The configurations of the original's documentation, each as an operator would take it over.

The files stay as they are: what belongs to a machine (addresses, folders, certificates) is set by
variables. What version 2 of the original knows as well starts there too, and answers the same.
"""

from __future__ import annotations

import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import bcrypt
import pytest

from tests.authority import CertificateAuthority
from tests.issuer import Signer, certificate, pem, today
from tests.processes import free_port, running, short_folder
from tests.programs import need
from tests.wire.client import SocketWire, UnixConnection

HERE = Path(__file__).parent / "configurations"
SHARED = Path(__file__).parents[1] / "unit" / "config" / "examples"
SILENT = re.compile(r'msg(?:=|":)"([a-z0-9.]+): has no effect')
PROGRAM = Path(sys.executable).with_name("layerstore")


@dataclass(frozen=True)
class Machine:
    """What variables name on this machine. `socket` has a path that is short enough for one."""

    folder: Path
    socket: Path
    port: int
    debug: int

    @property
    def root(self) -> str:
        return str(self.folder / "storage")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @cached_property
    def authority(self) -> CertificateAuthority:
        return CertificateAuthority(self.folder / "authority")

    @cached_property
    def client(self) -> ssl.SSLContext:
        """A client with a certificate."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        pair = self.authority.issue("client")
        context.load_cert_chain(pair.certificate, pair.key)
        return context

    def variables(self) -> dict[str, str]:
        """Everything that any of the files names."""
        signer, server = _signer("RS256"), self.authority.issue("server")
        (self.folder / "bundle.pem").write_bytes(pem(certificate(signer, today())))
        (self.folder / "key.pem").write_bytes(_signer("ES256").pem)
        (self.folder / "cloudfront.pem").write_bytes(signer.pem)
        (self.folder / "keys.json").write_text(f'{{"keys": [{_text(signer.jwk)}]}}')
        hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
        (self.folder / "htpasswd").write_text(f"alice:{hashed}\n")
        return {
            "HTTP_ADDR": self.address,
            "HTTP_DEBUG_ADDR": f"127.0.0.1:{self.debug}",
            "STORAGE_FILESYSTEM_ROOTDIRECTORY": self.root,
            "AUTH_HTPASSWD_PATH": str(self.folder / "htpasswd"),
            "AUTH_TOKEN_ROOTCERTBUNDLE": str(self.folder / "bundle.pem"),
            "AUTH_TOKEN_JWKS": str(self.folder / "keys.json"),
            "HTTP_TLS_CERTIFICATE": str(server.certificate),
            "HTTP_TLS_KEY": str(server.key),
            "HTTP_TLS_CLIENTCAS_0": str(self.authority.certificate),
            "HTTP_TLS_CLIENTCAS_1": str(self.authority.certificate),
            "COMPATIBILITY_SCHEMA1_SIGNINGKEYFILE": str(self.folder / "key.pem"),
            "MIDDLEWARE_STORAGE_0_OPTIONS_PRIVATEKEY": str(self.folder / "cloudfront.pem"),
        }


@cache
def _signer(algorithm: str) -> Signer:
    """One key for all examples: making them is slow."""
    return Signer.new(algorithm)


def _text(jwk: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": "{value}"' for name, value in jwk.items()) + "}"


@dataclass(frozen=True)
class Example:
    """A file, which variables it needs beside the address and the folder, and what it comes to.

    `told` are the keys that the start tells of as having no effect, or as something else.
    """

    name: str
    needs: Sequence[str] = ()
    status: int = 200
    prefix: str = "/"
    told: Sequence[str] = ()
    starts_original: bool = False
    stores_in_folder: bool = True

    @property
    def path(self) -> Path:
        path = HERE / f"{self.name}.yml"
        return path if path.exists() else SHARED / path.name


EXAMPLES = (
    Example("minimal", starts_original=True),
    Example("image", starts_original=True, told=["storage.cache"]),
    Example("development", ["HTTP_DEBUG_ADDR"], told=["storage.cache"]),
    Example("passwords", ["AUTH_HTPASSWD_PATH"], 401, starts_original=True),
    Example("htpasswd", ["AUTH_HTPASSWD_PATH"], 401),
    Example("token-service", ["AUTH_TOKEN_ROOTCERTBUNDLE"], 401, starts_original=True),
    Example("token", ["AUTH_TOKEN_ROOTCERTBUNDLE", "AUTH_TOKEN_JWKS"], 401),
    Example("silly", status=401, starts_original=True, stores_in_folder=False),
    Example(
        "client-certificates",
        ["HTTP_TLS_CERTIFICATE", "HTTP_TLS_KEY", "HTTP_TLS_CLIENTCAS_0"],
    ),
    Example(
        "tls",
        ["HTTP_TLS_CERTIFICATE", "HTTP_TLS_KEY", "HTTP_TLS_CLIENTCAS_0", "HTTP_TLS_CLIENTCAS_1"],
        prefix="/my/nested/registry/",
        told=["log.hooks", "log.reportcaller", "http.h2c"],
    ),
    Example("cloudfront", ["MIDDLEWARE_STORAGE_0_OPTIONS_PRIVATEKEY"]),
    Example("redirect", starts_original=True),
    Example("rewrite"),
    Example("notifications", starts_original=True, told=["notifications"]),
    Example("logging", starts_original=True, told=["log.hooks"]),
    Example("debug", ["HTTP_DEBUG_ADDR"], starts_original=True),
    Example("maintenance", starts_original=True),
    Example("validation", starts_original=True),
    Example("schema1", ["COMPATIBILITY_SCHEMA1_SIGNINGKEYFILE"]),
    Example("behind-a-proxy", prefix="/my/nested/registry/", starts_original=True),
    Example("redis-v2", starts_original=True, told=["redis", "storage.cache"]),
    Example(
        "cache-v2",
        ["COMPATIBILITY_SCHEMA1_SIGNINGKEYFILE"],
        told=[
            *("redis", "storage.cache", "loglevel", "reporting.bugsnag", "reporting.newrelic"),
            *("notifications", "validation.enabled"),
        ],
    ),
    Example("cache-v3", told=["redis", "storage.cache"]),
    Example("health", starts_original=True),
)

REFUSED = {
    "proxy": "proxy.remoteurl: this version is no cache of another registry; take the key out",
    "letsencrypt": "http.tls.letsencrypt: certificates are not asked for here",
    "swift": "storage.swift: this driver was removed from the original too",
    "oss": "storage.oss: this driver was removed from the original too",
}

STORES = ("s3", "gcs", "azure")
"""Files that need a store of others: they are read and shown, not served, here."""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with short_folder("example") as short:
        yield Machine(tmp_path, short / "registry.sock", free_port(), free_port())


def environment(example: Example, machine: Machine) -> dict[str, str]:
    every = machine.variables()
    stored = ["STORAGE_FILESYSTEM_ROOTDIRECTORY"] if example.stores_in_folder else []
    names = ["HTTP_ADDR", *stored, *example.needs]
    if "net: unix" in example.path.read_text():
        every["HTTP_ADDR"] = str(machine.socket)
    named = {f"REGISTRY_{name}": every[name] for name in names}
    return {"PATH": "/usr/bin:/bin", "REGISTRY_HTTP_WORKERS": "1", **named}


@contextmanager
def started(program: Path, example: Example, machine: Machine) -> Iterator[Path]:
    """The log of a server with that file, once it answers."""
    log = machine.folder / f"{program.name}.log"
    with running(
        [program, "serve", example.path],
        log=log,
        ready=lambda: _status(example, machine) is not None,
        environment=environment(example, machine),
    ):
        yield log


def _connection(example: Example, machine: Machine) -> HTTPConnection:
    if "HTTP_TLS_CERTIFICATE" in example.needs:
        return HTTPSConnection(machine.address, timeout=10, context=machine.client)
    if "net: unix" in example.path.read_text():
        return UnixConnection(machine.socket)
    return HTTPConnection(machine.address, timeout=10)


def _status(example: Example, machine: Machine) -> int | None:
    """What the base answers; None while nobody does."""
    with closing(_connection(example, machine)) as connection:
        try:
            connection.request("GET", f"{example.prefix}v2/")
            return connection.getresponse().status
        except (OSError, HTTPException):
            return None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_starts_and_answers(example: Example, machine: Machine) -> None:
    with started(PROGRAM, example, machine) as log:
        assert _status(example, machine) == example.status
        lines = log.read_text()
        assert "unknown" not in lines
        assert set(SILENT.findall(lines)) | ({"loglevel"} & set(example.told)) == set(example.told)


@pytest.mark.parametrize(
    "example", [one for one in EXAMPLES if one.starts_original], ids=lambda example: example.name
)
def test_the_original_answers_the_same_with_the_same_file(
    example: Example, machine: Machine
) -> None:
    with started(need("docker-registry"), example, machine):
        assert _status(example, machine) == example.status


def test_what_the_debug_address_shows(machine: Machine) -> None:
    (example,) = (one for one in EXAMPLES if one.name == "debug")
    with started(PROGRAM, example, machine):
        wire = SocketWire(f"127.0.0.1:{machine.debug}")
        assert wire.ask("GET", "/debug/health").body == b"{}"
        assert b"registry_http_requests_total" in wire.ask("GET", "/metrics").body


@pytest.mark.parametrize("name", REFUSED)
def test_an_example_that_cannot_be_served_is_refused_in_one_line(name: str) -> None:
    command: list[str | Path] = [PROGRAM, "serve", Example(name).path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert REFUSED[name] in line


@pytest.mark.parametrize("name", STORES)
def test_a_store_of_others_is_read_without_surprises(name: str) -> None:
    """Whether this version serves from it, `config check` says; here all keys are known."""
    path = Example(name).path
    for word in ("check", "show"):
        command: list[str | Path] = [PROGRAM, "config", word, path]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert "unknown" not in ended.stdout + ended.stderr
        assert "awssecretkey" not in ended.stdout
    assert ended.returncode == 0


def test_every_file_is_tried() -> None:
    tried = {example.name for example in EXAMPLES} | REFUSED.keys() | set(STORES)
    files = {path.stem for folder in (HERE, SHARED) for path in folder.glob("*.yml")}
    assert tried == files

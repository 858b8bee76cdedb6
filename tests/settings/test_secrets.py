"""No secret of the configuration, and none that a client sends, is told to anybody.

Each secret is a mark of its own; then all that a server and the commands say is searched for marks.
"""

from __future__ import annotations

import base64
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from typer.testing import CliRunner

from layerstore.cli.config import app
from tests.issuer import Signer
from tests.processes import family, free_port, wait_until
from tests.servers import Server, layerstore_server, overlay
from tests.unit.auth.headers import basic
from tests.unit.config.every_key import KEYS, SECRETS, Plain, nested, variable
from tests.wire.client import Answer, SocketWire
from tests.wire.stock import ABSENT, CONFIG, LAYER, OCI_MANIFEST, digest_of, image

MARKS = {path: f"mark-{place}-of-a-secret" for place, path in enumerate(SECRETS)}
ANY = "of-a-secret"
"""Stands in every mark."""


def marked(path: str) -> Plain:
    return {"Authorization": [MARKS[path]]} if path.endswith("headers") else MARKS[path]


def whole() -> dict[str, Any]:
    """Every secret there is, all at once: this can be shown, and not be served."""
    tree: dict[str, Any] = {"version": 0.1}
    for path in SECRETS:
        tree = _laid(tree, nested(path, marked(path)))
    tree["proxy"]["remoteurl"] = f"https://user:{ANY}@registry.example"
    tree["notifications"]["endpoints"][0]["url"] = f"https://user:{ANY}@listener.example/events"
    return tree


def _laid(under: Plain, over: Plain) -> Plain:
    if isinstance(under, dict) and isinstance(over, dict):
        return {key: _laid(under.get(key), over.get(key)) for key in {**under, **over}}
    if isinstance(under, list) and isinstance(over, list):
        return [_laid(under[0], over[0])]
    return under if over is None else over


def told_by(words: Sequence[str | Path], environ: Mapping[str, str] | None = None) -> str:
    """All that `layerstore config` says."""
    ended = CliRunner().invoke(app, list(map(str, words)), env=dict(environ or {}))
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended.output


COMMANDS = [
    ["show"],
    ["show", "--json"],
    ["show", "--origins"],
    ["show", "--origins", "--json"],
    ["check"],
    ["check", "--json"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_show_no_secret_of_the_file(words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(whole()))
    told = told_by([*words, file])
    assert "storage" in told
    assert ANY not in told


@pytest.mark.parametrize("words", COMMANDS[::3], ids=" ".join)
def test_commands_show_no_secret_of_a_variable_or_of_the_file_that_it_names(
    words: list[str], tmp_path: Path
) -> None:
    environ: dict[str, str] = {}
    for place, path in enumerate(SECRETS):
        name = variable(path) + ("_AUTHORIZATION_0" if path.endswith("headers") else "")
        secret = tmp_path / f"{place}"
        secret.write_text(MARKS[path])
        environ |= {f"{name}_FILE": str(secret)} if place % 2 else {name: MARKS[path]}
    file = tmp_path / "config.yml"
    file.write_text("version: 0.1\n")
    told = told_by([*words, file], environ)
    assert "********" in told or "check" in words
    assert ANY not in told


BROKEN = {
    "a list": "[{mark}]",
    "a mapping": "{{{mark}: {mark}}}",
    "an open quote": "'{mark}",
    "a colon too many": "{mark}: {mark}: x",
    "a tag": "!{mark} x",
    "an alias": "*{mark}",
    "a character that cannot be": '"{mark} \\q"',
    "an anchor twice": "&{mark} &{mark} x",
    "a bracket": "[{mark}",
    "a percent": "%{mark}",
    "a control character": "{mark}\x07",
}


@pytest.mark.parametrize("form", BROKEN)
def test_a_secret_that_is_written_wrongly_is_not_repeated(form: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    places = ("http.secret", "redis.password", "notifications.endpoints.0.headers.Authorization")
    for path in places:
        text = yaml.safe_dump(nested(path, "HERE")).replace("HERE", BROKEN[form].format(mark=ANY))
        file.write_text(f"version: 0.1\n{text}\nproxy: {{password: {ANY}}}\n")
        told = told_by(["check", file])
        assert ANY not in told, (path, told)
        assert "error: " in told


def test_a_variable_that_fits_nothing_is_told_without_its_value(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("version: 0.1\nstorage: inmemory\n")
    environ = {
        "REGISTRY_HTTP_SECERT": MARKS["http.secret"],
        "REGISTRY_STORAGE_S3_SECRETKEE": MARKS["storage.s3.secretkey"],
        "REGISTRY_HTTP_SECRET": f"[{MARKS['http.secret']}]",
        "REGISTRY_REDIS": f"{{password: {MARKS['redis.password']}",
    }
    for name, value in environ.items():
        told = told_by(["check", file], {name: value})
        assert ANY not in told, (name, told)


EVERY_STATUS = {200, 201, 202, 400, 401, 403, 404, 405, 412, 413, 414, 415, 416, 431, 503}
"""What is provoked, at least."""

PASSWORD, WRONG = f"right-password-{ANY}", f"wrong-password-{ANY}"
ALICE = basic("alice", PASSWORD)


@dataclass
class Questioner:
    """Asks a server, and keeps all that it hears."""

    server: Server
    debug: str
    heard: list[bytes] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        answer = SocketWire(self.server.host).ask(method, target, headers, body)
        self.statuses.add(answer.status)
        self.heard += [answer.body, *(f"{key}: {value}".encode() for key, value in answer.headers)]
        return answer

    def ask_debug(self, target: str, method: str = "GET") -> None:
        self.heard.append(SocketWire(self.debug).ask(method, target).body)


@pytest.fixture
def questioner(tmp_path: Path) -> Iterator[Questioner]:
    """A server with every secret that one can have, and rules, so that it hands out passes."""
    debug, key = f"127.0.0.1:{free_port()}", tmp_path / "key.pem"
    key.write_bytes(Signer.new("ES256").pem)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "htpasswd").write_text(f"alice:{hashed}\n")
    served = {key: value for key, value in whole().items() if key not in ("storage", "proxy")}
    config = overlay(
        served,
        {
            "log": {"level": "debug"},
            "http": {"debug": {"addr": debug, "prometheus": {"enabled": True}}},
            "health": {"http": [{"uri": f"http://{debug}/debug/health", **_secret_headers()}]},
            "compatibility": {"schema1": {"enabled": True, "signingkeyfile": str(key)}},
            "auth": {
                "htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")},
                "policies": [
                    {"repositories": ["public/**"], "actions": ["pull"]},
                    {"users": ["alice"], "repositories": ["public/**"], "actions": ["*"]},
                ],
            },
            "limits": {"manifestbytes": 2000, "progresstimeout": "500ms"},
        },
    )
    with layerstore_server(tmp_path / "storage", config=config, workers=2) as server:
        yield Questioner(server, debug)


def _secret_headers() -> dict[str, Any]:
    return {"headers": {"Authorization": [MARKS["health.http.0.headers"]]}, "interval": "200ms"}


def provoke(asker: Questioner, root: Path) -> None:
    """Errors of every class that a client can bring about."""
    alice = {"Authorization": ALICE}
    name = "/v2/public/a"
    uploads = f"{name}/blobs/uploads/"
    for content in (CONFIG, LAYER):
        asker.ask("POST", f"{uploads}?digest={digest_of(content)}", alice, content)
    manifest = {**alice, "Content-Type": OCI_MANIFEST}
    asker.ask("PUT", f"{name}/manifests/t", manifest, image())
    location = asker.ask("POST", uploads, alice).location
    said = asker.ask("GET", "/v2/_layerstore/token", alice).json()["token"]
    passed = {"Authorization": f"Bearer {said}"}
    asker.heard = [one for one in asker.heard if said.encode() not in one]
    asker.ask("GET", f"{name}/tags/list", passed)
    for headers in (
        {"Authorization": basic("alice", WRONG)},
        {"Authorization": basic("mallory", WRONG)},
        {"Authorization": f"Bearer {ANY}.{ANY}.{ANY}"},
        {"Authorization": f"Basic {ANY}"},
        {"Authorization": f"{ANY}", "Cookie": ANY},
        {"Proxy-Authorization": ANY},
    ):
        asker.ask("GET", f"{name}/tags/list", headers)
        asker.ask("POST", uploads, headers)
    asker.ask("GET", "/v2/secret/tags/list", alice)
    for method, target, headers, body in (
        ("PATCH", location.partition("?")[0], alice, b"x"),
        ("PATCH", location[:-8], alice, b"x"),
        ("PATCH", location, {**alice, "Content-Range": "bytes 0-0/1"}, b"x"),
        ("PATCH", location, {**alice, "Content-Type": "text/plain"}, b"x"),
        ("PUT", f"{location}&digest={ABSENT}", alice, b"x"),
        ("PUT", f"{name}/manifests/t", manifest, b"{"),
        ("PUT", f"{name}/manifests/t", manifest, b"x" * 3000),
        ("PUT", f"{name}/manifests/t", manifest, image((b"missing",))),
        ("GET", f"{name}/manifests/absent", alice, b""),
        ("GET", f"{name}/manifests/t", {**alice, "If-Match": '"x"'}, b""),
        ("GET", f"{name}/blobs/{digest_of(LAYER)}", {**alice, "Range": "bytes=9999999-"}, b""),
        ("GET", f"/v2/_catalog?n={'9' * 30}", alice, b""),
        ("GET", f"/v2/_catalog?{'x' * 9000}", alice, b""),
        ("BREW", "/v2/", alice, b""),
        ("GET", "/v2/", {**alice, "X-Long": "x" * 70_000}, b""),
    ):
        asker.ask(method, target, headers, body)
    _break(asker, root, alice)


def _break(asker: Questioner, root: Path, alice: Mapping[str, str]) -> None:
    """A blob whose data is another kind of thing: a fault of the server's own."""
    digest = digest_of(CONFIG).removeprefix("sha256:")
    data = root / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"
    data.unlink()
    (root / "docker/registry/v2/repositories/public/a/_layers/sha256" / digest / "link").unlink()
    asker.ask("GET", f"/v2/public/a/blobs/sha256:{digest}", alice)


def test_a_server_tells_no_secret_whatever_goes_wrong(
    questioner: Questioner, tmp_path: Path
) -> None:
    server = questioner.server
    wait_until(lambda: "Try:" in server.log.read_text(), "all workers have started")
    provoke(questioner, tmp_path / "storage")
    for target in ("/debug/health", "/metrics", "/debug/vars"):
        questioner.ask_debug(target)
    questioner.ask_debug("/debug/health/down", "POST")
    questioner.ask("GET", "/v2/public/a/tags/list", {"Authorization": ALICE})
    questioner.ask_debug("/debug/health/up", "POST")
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family(server.process.pid)]
    _reload(server)
    assert questioner.statuses >= EVERY_STATUS
    log = server.log.read_bytes()
    assert b"the password given for" in log
    assert b"stays as it was" in log
    lines = [line for said in (log, *questioner.heard, *commands) for line in said.splitlines()]
    assert [line for line in lines for secret in _forms() if secret in line] == []


def _reload(server: Server) -> None:
    """A configuration with a secret in the midst of what is wrong with it, then a good one."""
    good = server.configuration.read_text()
    server.configuration.write_text(f"{good}\nproxy: {{password: '{ANY}, remoteurl: [}}\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "stays as it was" in server.log.read_text(), "the refusal is logged")
    server.configuration.write_text(good)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "read anew" in server.log.read_text(), "the new one is taken")


def _forms() -> list[bytes]:
    """Everything that must not be said, in all forms that it was sent in."""
    encoded = [ALICE.removeprefix("Basic "), base64.b64encode(ANY.encode()).decode().rstrip("=")]
    return [ANY.encode(), *(text.encode() for text in encoded)]


def test_every_secret_of_the_tree_has_a_mark() -> None:
    assert set(SECRETS) <= set(KEYS)
    text = yaml.safe_dump(whole())
    assert all(mark in text for mark in MARKS.values())


NOWHERE = "http://127.0.0.1:1"
ENCODED = base64.b64encode(ANY.encode()).decode()
STORES: dict[str, dict[str, Any]] = {
    "s3": {"bucket": "b", "regionendpoint": NOWHERE, "accesskey": ANY, "secretkey": ANY},
    "gcs": {
        "bucket": "b",
        "endpoint": NOWHERE,
        "credentials": {
            "client_email": "a@example",
            "private_key": Signer.new("RS256").pem.decode(),
            "token_uri": f"{NOWHERE}/token",
        },
    },
    "azure": {
        "container": "c",
        "connectionstring": f"AccountName=a;AccountKey={ENCODED};BlobEndpoint={NOWHERE}",
    },
}


@pytest.mark.parametrize("driver", STORES)
def test_a_store_that_cannot_be_reached_is_told_of_without_its_secrets(
    driver: str, tmp_path: Path
) -> None:
    config = {
        "storage": {"filesystem": None, driver: STORES[driver]},
        "log": {"level": "debug"},
    }
    with layerstore_server(tmp_path / "unused", config=config, workers=1) as server:
        answer = SocketWire(server.host).ask("GET", "/v2/a/manifests/t")
        assert answer.status == 503
    said = server.log.read_bytes() + answer.body
    assert b"storage" in said
    for secret in (ANY, ENCODED, "PRIVATE KEY", "Signature="):
        assert secret.encode() not in said

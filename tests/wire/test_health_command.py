"""`layerstore health`, asked of real servers: plain, with a login, over TLS, on a unix socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.authority import CertificateAuthority
from tests.processes import free_port, running, short_folder, wait_until
from tests.servers import Server, Settings, layerstore_server


def health_of(configuration: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        Path(sys.executable).with_name("layerstore"),
        "health",
        configuration,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def told(server: Server) -> tuple[int, str]:
    done = health_of(server.configuration)
    return done.returncode, done.stderr


@pytest.fixture
def tls(tmp_path: Path) -> Settings:
    pair = CertificateAuthority(tmp_path / "authority").issue("server")
    return {"certificate": str(pair.certificate), "key": str(pair.key)}


def test_a_server_that_answers_is_well(tmp_path: Path) -> None:
    with layerstore_server(tmp_path / "storage", workers=1) as server:
        assert told(server) == (0, "")
    status, sentence = told(server)
    assert status == 1
    assert "no answer" in sentence


def test_a_server_that_wants_a_login_is_well(tmp_path: Path) -> None:
    config: Settings = {"auth": {"silly": {"realm": "r", "service": "s"}}}
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert told(server) == (0, "")


def test_a_server_with_a_prefix_and_a_certificate_of_any_name_is_well(
    tls: Settings, tmp_path: Path
) -> None:
    config: Settings = {"http": {"tls": tls, "prefix": "/images/"}}
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert told(server) == (0, "")


def test_a_server_that_lets_only_holders_of_certificates_in_is_well(
    tls: Settings, tmp_path: Path
) -> None:
    config: Settings = {"http": {"tls": {**tls, "clientcas": [tls["certificate"]]}}}
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert told(server) == (0, "")


def test_a_server_on_a_unix_socket_is_well(tmp_path: Path) -> None:
    file, log = tmp_path / "config.yml", tmp_path / "log"
    with short_folder("health") as folder:
        address = folder / "socket"
        http = f"{{net: unix, addr: {address}, workers: 1}}"
        file.write_text(f"{{version: 0.1, storage: inmemory, http: {http}}}")
        command: list[str | Path] = [Path(sys.executable).with_name("layerstore"), "serve", file]
        with running(command, log=log, ready=lambda: "listens on" in log.read_text()):
            done = health_of(file)
            assert (done.returncode, done.stderr) == (0, "")


def test_the_debug_address_knows_what_is_wrong(tmp_path: Path) -> None:
    out_of_service = tmp_path / "out-of-service"
    config: Settings = {
        "http": {"debug": {"addr": f"127.0.0.1:{free_port()}"}},
        "health": {"file": [{"file": str(out_of_service), "interval": "100ms"}]},
    }
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert told(server) == (0, "")
        out_of_service.touch()
        wait_until(lambda: told(server)[0] != 0, "the server is not well")
        assert told(server) == (1, "layerstore: the server is not well: it answers with 503\n")


def test_a_configuration_that_says_nothing_has_no_server(tmp_path: Path) -> None:
    done = health_of(tmp_path / "missing.yml")
    assert done.returncode == 2
    assert "no such file" in done.stderr

"""What cannot be done here is refused by `layerstore serve`, by its key and in one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from layerstore.config import ConfigError
from layerstore.config.loading import load

PROGRAM = Path(sys.executable).with_name("layerstore")
STORED = "storage: {inmemory: }\n"

REFUSED = {
    "proxy.remoteurl": STORED + "proxy: {remoteurl: 'https://registry-1.docker.io', ttl: 168h}",
    "storage.swift": "storage: {swift: {container: c}}",
    "storage.oss": "storage: {oss: {bucket: b}}",
    "middleware.registry": STORED + "middleware: {registry: [{name: mine, options: {a: b}}]}",
    "middleware.repository": STORED + "middleware: {repository: [{name: mine}]}",
    "middleware.storage[0].options.ipfilteredby": STORED
    + "middleware: {storage: [{name: cloudfront, "
    + "options: {baseurl: 'https://a', ipfilteredby: aws}}]}",
    "http.tls.ciphersuites": STORED + "http: {tls: {ciphersuites: [TLS_AES_128_GCM_SHA256]}}",
    "http.tls.letsencrypt": STORED
    + "http: {tls: {letsencrypt: {cachefile: f, email: e, hosts: [h], directoryurl: d}}}",
    "http.tls.minimumtls": STORED + "http: {tls: {minimumtls: tls1.0}}",
    "http.tls.clientauth": STORED + "http: {tls: {clientauth: request-client-cert}}",
    "http.workers": STORED + "http: {workers: 100000}",
    "http.headers.Content-Length": STORED + "http: {headers: {Content-Length: ['5']}}",
    "http.addr": STORED + "http: {addr: '127.0.0.1:99999'}",
    "version": "version: 0.2\n" + STORED,
}


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yml"
    file.write_text(text if text.startswith("version") else f"version: 0.1\n{text}")
    return file


def serve(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected to end by itself."""
    command: list[str | Path] = [PROGRAM, "serve", written(folder, text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("key", REFUSED)
def test_the_start_is_refused_in_one_line_that_names_the_key(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(written(tmp_path, REFUSED[key]), {})
    (problem,) = refusal.value.problems
    assert problem.startswith(f"{key}: ")
    assert "\n" not in problem


@pytest.mark.parametrize("key", ["proxy.remoteurl", "storage.swift", "version", "http.addr"])
def test_the_program_says_just_that_line_and_ends(key: str, tmp_path: Path) -> None:
    ended = serve(tmp_path, REFUSED[key])
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"layerstore: {key}")


def test_a_key_that_is_missing_is_told_before_a_worker_starts(tmp_path: Path) -> None:
    schema1 = f"{{enabled: true, signingkeyfile: '{tmp_path}/none'}}"
    ended = serve(tmp_path, STORED + f"compatibility: {{schema1: {schema1}}}")
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "compatibility.schema1.signingkeyfile: " in line


def test_what_only_a_worker_finds_is_told_in_a_line_too(tmp_path: Path) -> None:
    store = "storage: {gcs: {bucket: b, keyfile: /nowhere/at/all.json}}\n"
    ended = serve(tmp_path, store + "http: {addr: 'localhost:0', workers: 1}")
    assert ended.returncode == 1
    assert "/nowhere/at/all.json: no such file or directory" in ended.stderr
    assert "the workers do not start" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_where_the_folder_should_be_is_told_as_one(tmp_path: Path) -> None:
    root = tmp_path / "config.yml"
    ended = serve(tmp_path, f"storage: {{filesystem: {{rootdirectory: '{root}'}}}}\n")
    assert ended.returncode == 2
    assert f"storage.filesystem.rootdirectory: {root} is no folder" in ended.stderr


def test_steps_of_the_registry_that_are_disabled_are_left_out(tmp_path: Path) -> None:
    """The server goes on to its address, where this one ends."""
    steps = "middleware: {registry: [{name: x, disabled: true}], repository: []}\n"
    ended = serve(tmp_path, STORED + steps + "http: {net: unix, addr: /nowhere/at/all.sock}")
    assert "middleware" not in ended.stderr
    assert "/nowhere/at/all.sock" in ended.stderr

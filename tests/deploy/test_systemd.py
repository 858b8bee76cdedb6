"""The unit for systemd: it is one, it is locked in, and it fits how the server behaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from layerstore.config.loading import load
from tests.clients.content import Content
from tests.clients.logins import crane
from tests.deploy.engines import Engine
from tests.deploy.proxies import DEPLOY, adapted
from tests.processes import running, wait_until
from tests.programs import need
from tests.programs.tool import Tool

UNIT = "systemd/layerstore.service"
PROGRAM = "/opt/layerstore/bin/layerstore"
EXPOSURE_MAX = 20
"""In tenths of systemd's scale, which ends at 10."""

DRAIN_S = 30
"""What the server takes at most when http.draintimeout is not set."""


def lines() -> dict[str, list[str]]:
    """The unit's settings."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / UNIT).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, for the program that is here."""
    here = Path(sys.executable).with_name("layerstore")
    path = tmp_path / "layerstore.service"
    path.write_text(adapted(UNIT, {PROGRAM: str(here)}))
    return path


def test_systemd_understands_every_line(unit: Path) -> None:
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", unit],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_can_do_little_beside_serving(unit: Path) -> None:
    analyze = Tool(need("systemd-analyze"))
    analyze.run("security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    analyze.refuse("security", "--no-pager", "--offline=true", "--threshold=5", unit)


def calls(words: str) -> Iterator[str]:
    """The system calls of systemd's groups, and of the groups in these."""
    analyze = Tool(need("systemd-analyze"))
    for group in words.split():
        for line in analyze.run("syscall-filter", "--no-pager", group).splitlines()[1:]:
            name = line.strip()
            if name.startswith("@"):
                yield from calls(name)
            elif name and not name.startswith("#"):
                yield name


def left_calls() -> list[str]:
    """What the unit's filter leaves."""
    allowed, taken = lines()["SystemCallFilter"]
    assert taken.startswith("~")
    return sorted(set(calls(allowed)) - set(calls(taken.removeprefix("~"))))


def test_the_server_works_with_the_system_calls_that_are_left_to_it(
    podman: Engine, content: Content, home: Path, tmp_path: Path
) -> None:
    """In a container, which takes the same filter without systemd."""
    profile = tmp_path / "profile.json"
    left = {"names": left_calls(), "action": "SCMP_ACT_ALLOW"}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [left]}))
    confined = ("--cap-drop=ALL", "--read-only", "--security-opt=no-new-privileges")
    with podman.serving(f"--security-opt=seccomp={profile}", *confined) as container:
        client, reference = crane(home, container.host), f"{container.host}/confined:1"
        client.push(content, reference)
        client.pull(reference)
        assert container.execute("registry", "tag", "list", "confined") == "1\n"
        assert container.stop() == 0


def test_its_user_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    Tool(need("systemd-sysusers")).run(f"--root={tmp_path}", DEPLOY / "systemd/layerstore.conf")
    made = (tmp_path / "etc/passwd").read_text()
    assert made.startswith("layerstore:x:")
    assert ":/var/lib/registry:" in made
    assert lines()["User"] == ["layerstore"]


def test_the_end_of_the_service_is_waited_for_longer_than_transfers_are() -> None:
    seconds = lines()["TimeoutStopSec"][0]
    assert seconds.endswith("s")
    assert int(seconds.removesuffix("s")) >= DRAIN_S + 10
    assert lines()["KillMode"] == ["mixed"]


def test_the_configuration_beside_it_can_be_served_without_a_warning() -> None:
    loaded = load(DEPLOY / "systemd/config.yml", {})
    assert loaded.warnings == ()
    kept = loaded.config.storage.filesystem
    assert kept is not None
    assert kept.rootdirectory == f"/var/lib/{lines()['StateDirectory'][0]}"


@contextmanager
def served(file: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service's own command, on a configuration of the test's."""
    words = lines()["ExecStart"][0].split()
    assert words == [PROGRAM, "serve", "/etc/layerstore/config.yml"]
    command: list[str | Path] = [Path(sys.executable).with_name("layerstore"), "serve", file]
    with running(command, log=log, ready=lambda: "listens on" in log.read_text()) as process:
        yield process


def test_its_reload_command_is_what_makes_the_server_read_its_configuration(tmp_path: Path) -> None:
    file, log = tmp_path / "config.yml", tmp_path / "log"
    text = f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/storage}}}}\n"
    file.write_text(text + "http: {addr: '127.0.0.1:0', workers: 1}\n")
    with served(file, log) as process:
        file.write_text(text + "http: {addr: '127.0.0.1:0', workers: 1, prefix: /images/}\n")
        reload = lines()["ExecReload"][0].replace("$MAINPID", str(process.pid))
        subprocess.run(reload.split(), check=True)
        wait_until(lambda: "read anew" in log.read_text(), "the configuration is read anew")

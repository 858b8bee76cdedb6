"""Registry servers for tests: Layerstore itself, and the original in both of its versions.

Both are started with the same kind of configuration file, on a free port of the loopback address,
on a storage folder that the test chooses, so that two of them can share one.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.processes import Process, accepts, accepts_at, free_port, running
from tests.programs import need

SECRET = "a secret that servers on one folder share"
ORIGINALS = {2: "docker-registry", 3: "distribution"}
"""By their main version: Debian's 2.8.2, and 3.1.1 as built from its module."""

QUIET = {"OTEL_TRACES_EXPORTER": "none"}
"""Version 3 sends traces to a collector on this machine unless it is told not to."""

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Server:
    """A running registry server. `root` is its storage folder, `log` what it printed."""

    host: str
    process: Process
    root: Path
    log: Path
    configuration: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"


@contextmanager
def layerstore_server(
    root: Path,
    *,
    config: Settings | None = None,
    workers: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """`layerstore serve` on the storage folder `root`.

    `config` is laid over the settings of `settings()`, section by section; a value of None removes
    its key. `environment` is added to the process environment (REGISTRY_… overrides).
    """
    number = {"http": {"workers": workers}} if workers else {}
    command = Path(sys.executable).with_name("layerstore")
    with _serving(command, root, overlay(config or {}, number), environment) as server:
        yield server


@contextmanager
def original_server(
    root: Path,
    *,
    config: Settings | None = None,
    environment: Mapping[str, str] | None = None,
    version: int = 2,
) -> Iterator[Server]:
    """The original's `serve` on the storage folder `root`; skips where the program is missing."""
    program = need(ORIGINALS[version])
    with _serving(program, root, config or {}, {**QUIET, **(environment or {})}) as server:
        yield server


def settings(root: Path, port: int) -> dict[str, Any]:
    """The configuration that a test server starts from, in distribution's own form."""
    return {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(root)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": SECRET},
    }


def overlay(under: Settings, over: Settings) -> dict[str, Any]:
    """`over` laid upon `under`, section by section; None in `over` removes the key."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = overlay(below, value)
        else:
            merged[key] = value
    return {key: value for key, value in merged.items() if value is not None}


@contextmanager
def _serving(
    program: Path, root: Path, config: Settings, environment: Mapping[str, str] | None
) -> Iterator[Server]:
    port = free_port()
    beside = root.parent / f"{root.name}-{program.name}-{port}"
    configuration, log = beside.with_suffix(".yml"), beside.with_suffix(".log")
    root.mkdir(parents=True, exist_ok=True)
    whole = overlay(settings(root, port), config)
    if whole["http"].get("net") != "unix":
        port = int(whole["http"]["addr"].rpartition(":")[2])
    configuration.write_text(yaml.safe_dump(whole))
    with running(
        [program, "serve", configuration],
        log=log,
        ready=lambda: _is_ready(whole["http"], port),
        environment={**_neutral_environment(), **(environment or {})},
    ) as process:
        yield Server(f"127.0.0.1:{port}", process, root, log, configuration)


def _neutral_environment() -> dict[str, str]:
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "AWS_"))
    }


def _is_ready(http: Settings, port: int) -> bool:
    if http.get("net") == "unix":
        return accepts_at(Path(http["addr"]))
    return accepts(port) if "tls" in http else _answers(port)


def _answers(port: int) -> bool:
    if not accepts(port):
        return False
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in (200, 401)
    except OSError:
        return False
    finally:
        connection.close()

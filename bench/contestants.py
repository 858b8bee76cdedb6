"""Who is measured: Layerstore, Debian's docker-registry, and nginx as the limit of the machine.

All three run on one core, the load on another, and write an access log line for each request.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import Process, accepts, family, free_port, memory_bytes, running
from tests.programs import need
from tests.servers import Server, layerstore_server, original_server

LAYERSTORE, ORIGINAL, NGINX = "Layerstore", "docker-registry", "nginx"

_NGINX = """
user root; daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log; sendfile on; keepalive_requests 1000000;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port} {ssl}; root {root}; {certificate} }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A server under measurement."""

    name: str
    host: str
    port: int
    process: Process

    def processor_seconds(self) -> float:
        """What all its processes have used since they began, of every core."""
        return sum(_ticks(pid) for pid in family(self.process.pid)) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        """What its processes hold, shared pages counted once."""
        return memory_bytes(self.process.pid) / 2**20


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@contextmanager
def served(name: str, root: Path, config: Mapping[str, Any]) -> Iterator[Running]:
    """One of the three on the storage folder `root`, with one worker, on the servers' core."""
    with on_core(0):
        starting = _started(name, root, config)
        server = starting.__enter__()
    try:
        host, _, port = server.host.partition(":")
        yield Running(name, host, int(port), server.process)
    finally:
        starting.__exit__(None, None, None)


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started inside stays on one core, if the machine has more than one."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {sorted(before)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _started(name: str, root: Path, config: Mapping[str, Any]) -> Iterator[Server]:
    if name == LAYERSTORE:
        with layerstore_server(root, config=config, workers=1) as server:
            yield server
    elif name == ORIGINAL:
        with original_server(root, config=config) as server:
            yield server
    else:
        with _nginx(root, config) as server:
            yield server


@contextmanager
def _nginx(root: Path, config: Mapping[str, Any]) -> Iterator[Server]:
    port = free_port()
    folder = root.parent / f"nginx-{port}"
    folder.mkdir()
    tls = config.get("http", {}).get("tls")
    pair = f"ssl_certificate {tls['certificate']}; ssl_certificate_key {tls['key']};" if tls else ""
    configuration, log = folder / "nginx.conf", folder / "output.log"
    configuration.write_text(
        _NGINX.format(
            folder=folder, port=port, root=root, ssl="ssl" if tls else "", certificate=pair
        )
    )
    command: list[str | Path] = [need("nginx"), "-e", log, "-c", configuration]
    with running(command, log=log, ready=lambda: accepts(port)) as process:
        yield Server(f"127.0.0.1:{port}", process, root, log, configuration)

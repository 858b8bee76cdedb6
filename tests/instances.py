"""Several instances of Layerstore on one bucket, behind nginx: each request meets another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.object_stores import S3Server, s3_server
from tests.processes import accepts, free_port, running
from tests.programs import need
from tests.servers import Server, Settings, layerstore_server, overlay

BALANCER = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream instances {{ {instances} }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
      proxy_pass http://instances;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"""


@dataclass
class Instances:
    """Servers on one bucket, and the address in front of them."""

    front: Server
    servers: list[Server]
    store: S3Server


def on_s3(store: S3Server, **parameters: Any) -> Settings:
    """What a configuration says that stores there."""
    return {"storage": {"filesystem": None, "s3": store.parameters(**parameters)}}


@contextmanager
def instances(
    folder: Path, number: int = 2, *, config: Settings | None = None, **parameters: Any
) -> Iterator[Instances]:
    """So many of them, with a new store; `parameters` stand under `storage.s3`."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        store = stack.enter_context(s3_server(folder))
        whole = overlay(on_s3(store, **parameters), config or {})
        whole = {**whole, "storage": {"filesystem": None, **whole["storage"]}}
        servers = [
            stack.enter_context(layerstore_server(folder / f"instance-{turn}", config=whole))
            for turn in range(number)
        ]
        front = stack.enter_context(balancer(folder, [server.host for server in servers]))
        yield Instances(front, servers, store)


@contextmanager
def balancer(folder: Path, hosts: Sequence[str]) -> Iterator[Server]:
    """nginx in front of some servers; a request that finds one gone goes to another."""
    port = free_port()
    beside = folder / "balancer"
    beside.mkdir()
    listed = " ".join(f"server {host} max_fails=0;" for host in hosts)
    configuration, log = beside / "nginx.conf", beside / "nginx.log"
    configuration.write_text(BALANCER.format(folder=beside, instances=listed, port=port))
    with running(
        [need("nginx"), "-c", configuration, "-p", beside],
        log=log,
        ready=lambda: accepts(port),
    ) as process:
        yield Server(f"127.0.0.1:{port}", process, folder, log, configuration)

"""nginx and Caddy, set up by the examples of `deploy/`: only names and places are changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.authority import CertificateAuthority
from tests.processes import accepts, free_port, running
from tests.programs import need
from tests.servers import Server

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UPSTREAM = "127.0.0.1:5000"
NAME = "registry.example.com"

NGINX_AROUND = """\
daemon off;
user root;
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/layerstore.conf;
}}
"""

CADDY_AROUND = """\
{
	admin off
	auto_https disable_redirects
	storage file_system FOLDER/caddy
}
"""


@dataclass(frozen=True)
class Front:
    """A proxy that speaks TLS at `host`, with a registry behind it."""

    port: int
    registry: Server
    authority: Path

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"


@contextmanager
def nginx(registry: Server, folder: Path) -> Iterator[Front]:
    authority, port = CertificateAuthority(folder / "authority"), free_port()
    pair = authority.issue("front")
    changes = {
        f"server {UPSTREAM};": f"server {registry.host};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        f"server_name {NAME};": "server_name localhost 127.0.0.1;",
        f"/etc/ssl/{NAME}.pem": str(pair.certificate),
        f"/etc/ssl/{NAME}.key": str(pair.key),
    }
    (folder / "layerstore.conf").write_text(adapted("nginx/layerstore.conf", changes))
    whole = folder / "nginx.conf"
    whole.write_text(NGINX_AROUND.format(folder=folder))
    command: list[str | Path] = [need("nginx"), "-e", folder / "error.log", "-c", whole]
    with running(command, log=folder / "nginx.log", ready=lambda: accepts(port)):
        yield Front(port, registry, authority.certificate)


@contextmanager
def caddy(registry: Server, folder: Path) -> Iterator[Front]:
    authority, port = CertificateAuthority(folder / "authority"), free_port()
    pair = authority.issue("front")
    site = f"https://localhost:{port}, https://127.0.0.1:{port} {{\n"
    site += f"\tbind 127.0.0.1\n\ttls {pair.certificate} {pair.key}\n"
    changes = {
        f"{NAME} {{\n": site,
        f"reverse_proxy {UPSTREAM} ": f"reverse_proxy {registry.host} ",
    }
    file = folder / "Caddyfile"
    around = CADDY_AROUND.replace("FOLDER", str(folder))
    file.write_text(around + adapted("caddy/Caddyfile", changes))
    command: list[str | Path] = [need("caddy"), "run", "--config", file, "--adapter", "caddyfile"]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    log = folder / "caddy.log"
    with running(command, log=log, ready=lambda: accepts(port), environment=environment):
        yield Front(port, registry, authority.certificate)


def adapted(example: str, changes: Mapping[str, str]) -> str:
    """An example of `deploy/` with some of its text exchanged, all of which has to be there."""
    text = (DEPLOY / example).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, f"{example} says {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return text

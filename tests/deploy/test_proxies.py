"""Layerstore behind nginx and behind Caddy, as the examples set them up."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clients.content import Content
from tests.clients.layout import Layout
from tests.deploy.engines import Engine
from tests.deploy.proxies import Front, caddy, nginx
from tests.processes import wait_until
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server

MEBIBYTE = 1024 * 1024
FRONTS: dict[str, Callable[[Server, Path], AbstractContextManager[Front]]] = {
    "nginx": nginx,
    "caddy": caddy,
}
CLIENT = "127.0.0.9"
"""Another address of this machine than the proxy's own."""


@pytest.fixture(scope="module", params=sorted(FRONTS))
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    behind = {"http": {"trustedproxies": ["127.0.0.1"], "relativeurls": False}}
    with (
        layerstore_server(folder / "storage", config=behind, workers=1) as registry,
        FRONTS[request.param](registry, folder) as running,
    ):
        yield running


def connection(front: Front) -> HTTPSConnection:
    """From an address that is not the proxy's."""
    context = ssl.create_default_context(cafile=str(front.authority))
    source = (CLIENT, 0)
    return HTTPSConnection(
        "127.0.0.1", front.port, context=context, timeout=30, source_address=source
    )


def asked(front: Front, method: str, path: str, **headers: str) -> HTTPResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection(front)) as opened:
        opened.request(method, path, headers={"Host": front.host, **given})
        answer = opened.getresponse()
        answer.read()
        return answer


def crane(front: Front, home: Path) -> Tool:
    trusts = {"SSL_CERT_FILE": str(front.authority), "SSL_CERT_DIR": "/nonexistent"}
    return Tool(
        need("crane"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home), **trusts}
    )


def test_crane_pushes_and_pulls_through_it(front: Front, content: Content, home: Path) -> None:
    reference, tool = f"{front.host}/through/crane:1", crane(front, home)
    tool.run("push", content.layout.folder, reference)
    tool.run("pull", "--format=oci", reference, home / "pulled")
    content.assert_same(Layout(home / "pulled"))


def test_docker_pushes_and_pulls_through_it(
    front: Front, content: Content, docker: Engine, tmp_path: Path
) -> None:
    reference = f"{front.host}/through/docker:1"
    archive = content.docker_archive(tmp_path / "content.tar", reference)
    docker.tool.run("load", "--input", archive)
    docker.tool.run("push", reference)
    docker.forget(reference)
    docker.pull(reference)
    docker.forget(reference)


def test_addresses_in_answers_lead_through_the_proxy(front: Front) -> None:
    location = asked(front, "POST", "/v2/through/locations/blobs/uploads/").headers["Location"]
    led = urlsplit(location)
    assert (led.scheme, led.netloc) == ("https", front.host)
    status = asked(front, "GET", f"{led.path}?{led.query}").status
    assert status == 204


def test_the_client_is_who_connected_to_the_proxy_and_not_who_it_says(front: Front) -> None:
    before = front.registry.log.stat().st_size
    forged = {"X_Forwarded_For": "192.0.2.66", "Forwarded": "for=192.0.2.66;host=evil.example"}
    answer = asked(front, "POST", "/v2/through/forged/blobs/uploads/", **forged)
    assert urlsplit(answer.headers["Location"]).netloc == front.host

    def lines() -> str:
        return front.registry.log.read_bytes()[before:].decode()

    wait_until(lambda: f'remoteaddr="{CLIENT}"' in lines(), "the request is logged")
    assert "192.0.2.66" not in lines()
    assert "evil.example" not in lines()


def test_a_chunked_push_arrives_while_it_is_sent(front: Front) -> None:
    first, second = os.urandom(16 * MEBIBYTE), os.urandom(MEBIBYTE)
    location = urlsplit(
        asked(front, "POST", "/v2/through/chunks/blobs/uploads/").headers["Location"]
    )
    uploads = front.registry.root / "docker/registry/v2/repositories/through/chunks/_uploads"
    data = uploads / location.path.rpartition("/")[2] / "data"
    with closing(connection(front)) as opened:
        opened.putrequest("PATCH", f"{location.path}?{location.query}", skip_host=True)
        for name, value in (("Host", front.host), ("Transfer-Encoding", "chunked")):
            opened.putheader(name, value)
        opened.endheaders()
        opened.send(b"%x\r\n%b\r\n" % (len(first), first))
        wait_until(lambda: data.stat().st_size > 14 * MEBIBYTE, "the first part is stored")
        opened.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(second), second))
        answer = opened.getresponse()
        answer.read()
    assert answer.status == 202
    digest = hashlib.sha256(first + second).hexdigest()
    led = urlsplit(answer.headers["Location"])
    done = asked(front, "PUT", f"{led.path}?{led.query}&digest=sha256:{digest}")
    assert done.status == 201


def test_a_long_token_reaches_the_registry(front: Front) -> None:
    assert asked(front, "GET", "/v2/", Authorization=f"Bearer {'t' * 20_000}").status == 200

"""`health`: each kind of check as it is written, and what it makes of a server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from layerstore.app.watching import health_checks
from layerstore.config.loading import load
from layerstore.debug.checks import FileCheck, HttpCheck, StorageCheck, TcpCheck
from tests.fakes import FakeClock
from tests.processes import free_port, wait_until
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire


@dataclass
class Watched:
    """A service that answers HEAD with `status`, or not at all while it is `stuck`."""

    url: str = ""
    status: int = 204
    asked_with: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    stuck: bool = False


class Unmoved(ThreadingHTTPServer):
    """Whoever asked may have gone: that is what a time limit is for."""

    def handle_error(self, request: object, client_address: object) -> None:
        return


@contextmanager
def watched_service() -> Iterator[Watched]:
    watched = Watched()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # the name that http.server calls
            watched.asked_with.append(self.headers.get("X-Asked-By", ""))
            if watched.stuck:
                watched.released.wait(30)
            self.send_response(watched.status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests look at `asked_with`."""

    server = Unmoved(("127.0.0.1", 0), Handler)
    watched.url = f"http://127.0.0.1:{server.server_port}/well"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield watched
    finally:
        watched.released.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass(frozen=True)
class Watching:
    """A server, its debug address, and what it looks at."""

    server: Server
    debug: str
    service: Watched
    listener: socket.socket
    folder: Path

    @property
    def tcp(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def failures(self) -> dict[str, str]:
        answer = SocketWire(self.debug).ask("GET", "/debug/health")
        told: dict[str, str] = answer.json()
        assert answer.status == (503 if told else 200)
        return told


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    debug, file = f"127.0.0.1:{free_port()}", tmp_path / "down"
    often = {"interval": "100ms", "timeout": "300ms"}
    with watched_service() as service, socket.create_server(("127.0.0.1", 0)) as listener:
        tcp = f"127.0.0.1:{listener.getsockname()[1]}"
        headers = {"X-Asked-By": ["registry"]}
        health = {
            "http": [{"uri": service.url, "statuscode": 204, "headers": headers, **often}],
            "tcp": [{"addr": tcp, "threshold": 2, **often}],
            "file": [{"file": str(file), "interval": "100ms"}],
        }
        config = {"health": health, "http": {"debug": {"addr": debug}}}
        with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
            yield Watching(server, debug, service, listener, tmp_path)


def test_a_url_a_port_and_a_file_are_looked_at_as_they_are_written(watching: Watching) -> None:
    service = watching.service
    wait_until(lambda: len(service.asked_with) > 1, "the URL is asked again and again")
    assert set(service.asked_with) == {"registry"}
    assert watching.failures() == {}
    service.status = 200
    wait_until(lambda: service.url in watching.failures(), "another status is noticed")
    assert "unexpected status: 200" in watching.failures()[service.url]
    assert SocketWire(watching.server.host).ask("GET", "/v2/").status == 503
    service.stuck, service.status = True, 204
    wait_until(lambda: "TimeoutError" in json.dumps(watching.failures()), "its silence is noticed")
    watching.listener.close()
    wait_until(lambda: any("connection to" in why for why in watching.failures().values()), "gone")
    (watching.folder / "down").touch()
    wait_until(lambda: "file exists" in watching.failures().values(), "the file is noticed")


HEALTH = """
health:
  storagedriver: {enabled: true, interval: 7s, threshold: 3}
  file: [{file: /down, interval: 2s}]
  http:
    - {uri: 'http://a.example/b', headers: {A: [b, c]}, statuscode: 404, timeout: 3s, threshold: 4}
  tcp: [{addr: 'a.example:6379', timeout: 4s, interval: 5s, threshold: 6}, {addr: ':1'}]
"""


def test_every_key_reaches_its_check_and_has_its_default(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("version: 0.1\nstorage: inmemory" + HEALTH)
    checks = health_checks(load(file, {}).config, FakeClock())
    by_kind = {type(one.check): one for one in reversed(checks)}
    told = {kind: (one.interval_s, one.threshold) for kind, one in by_kind.items()}
    assert told == {
        FileCheck: (2, 0),
        HttpCheck: (10, 4),
        TcpCheck: (5, 6),
        StorageCheck: (7, 3),
    }
    assert by_kind[HttpCheck].check == HttpCheck("http://a.example/b", 404, {"A": "b, c"}, 3)
    assert by_kind[TcpCheck].check == TcpCheck("a.example", 6379, 4)
    assert checks[3].check == TcpCheck("localhost", 1, 10)


def test_nothing_is_looked_at_unless_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text("version: 0.1\nstorage: inmemory\nhealth: {storagedriver: {interval: 1s}}")
    assert health_checks(load(file, {}).config, FakeClock()) == []

"""The debug address of a running server: health, the switch, figures."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes import family, free_port, wait_until
from tests.servers import Server, layerstore_server


class Reply(NamedTuple):
    status: int
    text: str


def ask(host: str, path: str, method: str = "GET") -> Reply:
    connection = HTTPConnection(host, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read().decode())
    finally:
        connection.close()


@pytest.fixture
def debug() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def down(tmp_path: Path) -> Path:
    return tmp_path / "down"


@pytest.fixture
def server(tmp_path: Path, debug: str, down: Path) -> Iterator[Server]:
    config = {
        "http": {"debug": {"addr": debug, "prometheus": {"enabled": True, "path": "/figures"}}},
        "health": {
            "storagedriver": {"enabled": True, "interval": "200ms", "threshold": 3},
            "file": [{"file": str(down), "interval": "100ms"}],
        },
    }
    with layerstore_server(tmp_path / "storage", config=config, workers=2) as running:
        yield running


def test_a_server_that_is_well_says_so(server: Server, debug: str) -> None:
    assert ask(debug, "/debug/health") == Reply(200, "{}")
    assert ask(debug, "/debug/health", "HEAD") == Reply(200, "")


def test_the_switch_takes_all_workers_out_and_back(server: Server, debug: str) -> None:
    assert ask(debug, "/debug/health/down", "POST").status == 200
    assert ask(debug, "/debug/health").status == 503
    for _ in range(8):
        answer = ask(server.host, "/v2/")
        assert answer.status == 503
        assert json.loads(answer.text)["errors"][0]["code"] == "UNAVAILABLE"
    assert ask(debug, "/debug/health/up", "POST").status == 200
    assert ask(server.host, "/v2/").status == 200


def test_the_switch_is_not_thrown_by_looking_at_it(server: Server, debug: str) -> None:
    assert ask(debug, "/debug/health/down").status == 405
    assert ask(server.host, "/v2/").status == 200


def test_a_file_takes_the_server_out_until_it_is_gone(
    server: Server, debug: str, down: Path
) -> None:
    down.touch()
    wait_until(lambda: ask(server.host, "/v2/").status == 503, "the file is noticed")
    assert json.loads(ask(debug, "/debug/health").text) == {str(down): "file exists"}
    down.unlink()
    wait_until(lambda: ask(server.host, "/v2/").status == 200, "its end is noticed")


def test_figures_have_the_original_s_names(server: Server, debug: str) -> None:
    ask(server.host, "/v2/_catalog")
    ask(server.host, "/v2/none/manifests/none")
    text = ask(debug, "/figures").text
    name = "registry_http_requests_total"
    assert f'{name}{{handler="catalog",method="get",code="200"}} 1\n' in text
    assert f'{name}{{handler="manifest",method="get",code="404"}} 1\n' in text
    assert 'registry_storage_action_seconds_count{driver="filesystem",action="GetContent"}' in text


def in_flight(debug: str, handler: str) -> int:
    name = f'registry_http_in_flight_requests{{handler="{handler}"}} '
    lines = ask(debug, "/figures").text.splitlines()
    [count] = [line.removeprefix(name) for line in lines if line.startswith(name)]
    return int(count)


def begun_upload(server: Server) -> HTTPConnection:
    """A connection on which the first half of a blob was sent."""
    connection = HTTPConnection(server.host, timeout=10)
    connection.putrequest("POST", f"/v2/a/blobs/uploads/?digest=sha256:{'0' * 64}")
    connection.putheader("Content-Length", "2000")
    connection.endheaders(b"a" * 1000)
    return connection


def test_requests_in_flight_are_told_as_long_as_they_are(server: Server, debug: str) -> None:
    assert in_flight(debug, "blob_upload") == 0
    uploads = [begun_upload(server) for _ in range(5)]
    wait_until(lambda: in_flight(debug, "blob_upload") == 5, "all five are in flight")
    assert in_flight(debug, "blob") == 0
    uploads[0].send(b"a" * 1000)
    assert uploads[0].getresponse().status == 400
    uploads[1].close()
    wait_until(lambda: in_flight(debug, "blob_upload") == 3, "two of them are over")
    for worker in family(server.process.pid)[1:]:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: in_flight(debug, "blob_upload") == 0, "a dead worker's count no more")
    for upload in uploads:
        upload.close()


@pytest.mark.parametrize("path", ["/debug/pprof/heap", "/debug/vars"])
def test_what_a_go_program_shows_is_not_there_but_what_to_do_is(
    path: str, server: Server, debug: str
) -> None:
    answer = ask(debug, path)
    assert answer.status == 404
    assert "py-spy" in answer.text


def test_an_address_that_is_taken_ends_the_start(tmp_path: Path) -> None:
    """A server without the pages that were asked for would be missed only when it is unwell."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config = {"http": {"debug": {"addr": address}}}
        with (
            pytest.raises(
                RuntimeError, match=f"http.debug.addr: {address}: address already in use"
            ),
            layerstore_server(tmp_path / "storage", config=config),
        ):
            pass


def test_without_an_address_nothing_is_shown(server: Server, debug: str) -> None:
    assert ask(server.host, "/debug/health").status == 404

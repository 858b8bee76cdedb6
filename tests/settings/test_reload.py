"""A configuration that is read anew: what it changes at once, and what it cannot change."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from tests.processes import free_port, wait_until
from tests.servers import Server, layerstore_server, overlay
from tests.wire.client import SocketWire


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("reload") / "storage"
    with layerstore_server(root, workers=1) as running:
        wait_until(lambda: "Try:" in running.log.read_text(), "the worker has started")
        yield running


def reload(server: Server, over: Mapping[str, Any], told: str) -> None:
    """Take the configuration with these settings laid over it, until the log tells."""
    before, log = server.configuration.read_text(), server.log
    begun = log.stat().st_size
    server.configuration.write_text(yaml.safe_dump(overlay(yaml.safe_load(before), over)))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: told in log.read_text()[begun:], told)
    server.configuration.write_text(before)


ONLY_BY_A_RESTART: dict[str, dict[str, Any]] = {
    "http.workers": {"http": {"workers": 2}},
    "http.addr": {"http": {"addr": "127.0.0.1:1"}},
    "http.debug": {"http": {"debug": {"addr": f"127.0.0.1:{free_port()}"}}},
    "health": {"health": {"file": [{"file": "/down"}]}},
}


@pytest.mark.parametrize("key", ONLY_BY_A_RESTART)
def test_what_only_a_restart_changes_is_refused_by_its_name(key: str, server: Server) -> None:
    reload(server, ONLY_BY_A_RESTART[key], "the configuration stays as it was: ")
    refusals = [line for line in server.log.read_text().splitlines() if "stays as it was" in line]
    assert key in refusals[-1]
    assert "restart" in refusals[-1]
    assert SocketWire(server.host).ask("GET", "/v2/").status == 200


def test_everything_else_is_taken(server: Server) -> None:
    reload(server, {"http": {"headers": {"X-New": ["a"]}}}, "was read anew")
    assert SocketWire(server.host).ask("GET", "/v2/").header("x-new") == "a"

"""`log`: what a server writes about itself and its requests, as the configuration asks for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.processes import wait_until
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire

TARGET = "/v2/asked/for/tags/list"
ACCESS = re.compile(r'127\.0\.0\.1 - - \[[^]]+\] "GET ' + TARGET + r' HTTP/1\.1" 404 \d+ ')


def told(server: Server) -> list[str]:
    """The lines that name the one request that is made here."""
    return [line for line in server.log.read_text().splitlines() if TARGET in line]


def asked(server: Server, lines: int) -> list[str]:
    """Make the request; the lines about it, once they are so many."""
    assert SocketWire(server.host).ask("GET", TARGET).status == 404
    wait_until(lambda: len(told(server)) >= lines, f"{lines} lines about the request")
    return told(server)


def test_without_a_section_requests_are_told_as_text_and_in_the_access_log(tmp_path: Path) -> None:
    with layerstore_server(tmp_path / "storage", workers=1) as server:
        lines = asked(server, 2)
    (text,) = (line for line in lines if line.startswith("time="))
    (access,) = (line for line in lines if ACCESS.match(line))
    assert " level=info " in text
    assert 'http.request.method="GET"' in text
    assert len(lines) == len({text, access})


@pytest.mark.parametrize(
    "config",
    [
        {"log": {"level": "warn", "accesslog": {"disabled": True}}},
        {"loglevel": "error", "log": {"accesslog": {"disabled": True}}},
    ],
    ids=["log.level", "loglevel"],
)
def test_below_the_level_nothing_is_told_and_without_an_access_log_none_is_written(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert SocketWire(server.host).ask("GET", TARGET).status == 404
    assert server.process.returncode == 0
    assert told(server) == []


@pytest.mark.parametrize(
    ("formatter", "names"),
    [("json", {"time", "level", "msg"}), ("logstash", {"@timestamp", "@version", "message"})],
)
def test_each_form_carries_the_fields_that_are_set(
    formatter: str, names: set[str], tmp_path: Path
) -> None:
    fields = {"service": "registry", "environment": "test"}
    log = {"formatter": formatter, "fields": fields, "accesslog": {"disabled": True}}
    with layerstore_server(tmp_path / "storage", config={"log": log}, workers=1) as server:
        (line,) = asked(server, 1)
    document = json.loads(line)
    assert names <= document.keys()
    assert fields.items() <= document.items()
    assert document["http.request.uri"] == TARGET

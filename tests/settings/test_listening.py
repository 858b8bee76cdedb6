"""`http`: where a server listens, what it speaks there, and what several servers share."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.processes import family, short_folder, wait_until
from tests.servers import SECRET, layerstore_server
from tests.wire.client import SocketWire, UnixConnection

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The beginning of HTTP/2 with empty settings (RFC 9113 §3.4)."""

SETTINGS_FRAME = 4


def test_a_socket_in_the_file_system_is_listened_on(tmp_path: Path) -> None:
    with short_folder("listening") as folder:
        path = folder / "registry.sock"
        config = {"http": {"net": "unix", "addr": str(path)}}
        with layerstore_server(tmp_path / "storage", config=config, workers=1):
            connection = UnixConnection(path)
            connection.request("GET", "/v2/")
            assert connection.getresponse().read() == b"{}"
            connection.close()
        assert not path.exists()


def speaks_http2(host: str) -> bool:
    """Whether the preface of HTTP/2 is answered with settings."""
    address, port = host.split(":")
    with socket.create_connection((address, int(port)), timeout=10) as connection:
        connection.sendall(PREFACE)
        head = connection.recv(9)
    return len(head) == 9 and head[3] == SETTINGS_FRAME


@pytest.mark.parametrize(
    ("http", "spoken"),
    [
        ({"http2": {"enabled": True}}, True),
        ({"http2": {"disabled": True}, "h2c": {"enabled": True}}, False),
        ({}, False),
    ],
    ids=["enabled", "disabled", "unset"],
)
def test_http_2_is_spoken_only_where_our_own_switch_says_so(
    http: dict[str, Any], spoken: bool, tmp_path: Path
) -> None:
    with layerstore_server(tmp_path / "storage", config={"http": http}, workers=1) as server:
        assert speaks_http2(server.host) == spoken
        assert SocketWire(server.host).ask("GET", "/v2/").status == 200


def test_there_are_as_many_workers_as_are_asked_for(tmp_path: Path) -> None:
    config = {"http": {"workers": 3}}
    with layerstore_server(tmp_path / "storage", config=config) as server:
        wait_until(lambda: "(3 workers)" in server.log.read_text(), "all workers have started")
        assert len(family(server.process.pid)) == 1 + 3


def test_servers_share_the_sessions_of_a_folder_if_they_share_a_secret(tmp_path: Path) -> None:
    """The second one's secret stands in a file that a variable names."""
    root, file = tmp_path / "storage", tmp_path / "secret"
    file.write_text(SECRET + "\n")
    named = {"REGISTRY_HTTP_SECRET_FILE": str(file)}
    unset = {"http": {"secret": None, "workers": 1}}
    with (
        layerstore_server(root, workers=1) as one,
        layerstore_server(root, config=unset, environment=named) as same,
        layerstore_server(root, config=unset) as other,
    ):
        begun = SocketWire(one.host).ask("POST", "/v2/a/b/blobs/uploads/")
        refused = SocketWire(other.host).ask("PATCH", begun.location, body=b"x")
        assert (refused.status, refused.codes) == (404, ["BLOB_UPLOAD_INVALID"])
        assert SocketWire(same.host).ask("PATCH", begun.location, body=b"x").status == 202


def test_without_a_secret_the_folder_keeps_one(tmp_path: Path) -> None:
    root, unset = tmp_path / "storage", {"http": {"secret": None, "workers": 1}}
    with layerstore_server(root, config=unset) as server:
        begun = SocketWire(server.host).ask("POST", "/v2/a/b/blobs/uploads/")
    assert re.fullmatch(r"[0-9a-f]{64}\s*", (root / "layerstore" / "secret").read_text())
    with layerstore_server(root, config=unset) as server:
        assert SocketWire(server.host).ask("PATCH", begun.location, body=b"x").status == 202

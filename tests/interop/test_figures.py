"""The figures of the debug address have the names of the original, for the same requests."""

from __future__ import annotations

import re
from pathlib import Path

from tests.processes import free_port
from tests.servers import layerstore_server, original_server
from tests.wire.client import SocketWire

NAME = re.compile(r"^(registry_[a-z_]+?)(?:_bucket|_sum|_count)?[{ ]", re.MULTILINE)
HANDLER = re.compile(r'^registry_http_requests_total\{.*?handler="([a-z_]+)"', re.MULTILINE)


def figures(folder: Path, *, of_original: bool) -> str:
    """What a server shows after a request of every kind."""
    serve = original_server if of_original else layerstore_server
    debug = f"127.0.0.1:{free_port()}"
    config = {"http": {"debug": {"addr": debug, "prometheus": {"enabled": True}}}}
    with serve(folder, config=config) as server:
        wire = SocketWire(server.host)
        begun = wire.ask("POST", "/v2/a/blobs/uploads/").location
        wire.ask("PATCH", begun[begun.index("/v2/") :], body=b"x")
        for target in ("_catalog", "a/tags/list", "a/manifests/t", f"a/blobs/sha256:{'0' * 64}"):
            wire.ask("GET", f"/v2/{target}")
        return SocketWire(debug).ask("GET", "/metrics").body.decode()


def test_every_name_and_handler_of_the_original_is_there(tmp_path: Path) -> None:
    original = figures(tmp_path / "original", of_original=True)
    ours = figures(tmp_path / "ours", of_original=False)
    assert set(NAME.findall(original)) <= set(NAME.findall(ours))
    assert set(HANDLER.findall(original)) <= set(HANDLER.findall(ours))
    assert "registry_http_requests_total" in NAME.findall(original)

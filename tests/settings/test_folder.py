"""`storage.filesystem`: where everything lies."""

from __future__ import annotations

from pathlib import Path

from tests.servers import layerstore_server
from tests.wire.client import SocketWire
from tests.wire.stock import LAYER, push_blob


def test_the_rootdirectory_of_a_variable_stands_above_that_of_the_file(tmp_path: Path) -> None:
    root, chosen = tmp_path / "storage", tmp_path / "chosen" / "by" / "variable"
    named = {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(chosen)}
    with layerstore_server(root, environment=named, workers=1) as server:
        digest = push_blob(SocketWire(server.host), "a", LAYER).removeprefix("sha256:")
    stored = chosen / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"
    assert stored.read_bytes() == LAYER
    assert list(root.iterdir()) == []

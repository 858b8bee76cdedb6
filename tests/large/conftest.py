"""What the tests with large content share: a server of their own, and room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.fixtures import docker, home
from tests.servers import Server, layerstore_server

FREE_BYTES_MIN = 40 << 30
"""What the Docker test takes at its peak, and a reserve: the registry's copy, the daemon's download
and its unpacked layers."""

__all__ = ["docker", "home"]


@pytest.fixture(autouse=True)
def room_on_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    if free < FREE_BYTES_MIN:
        pytest.skip(f"needs {FREE_BYTES_MIN >> 30} GiB of free disk, has {free >> 30}")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose storage goes away with the test: there is no room for two of them."""
    root = tmp_path / "storage"
    with layerstore_server(root) as running:
        yield running
    shutil.rmtree(root)

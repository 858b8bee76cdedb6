"""A hundred uploads at the same time through one instance: all finish, in bounded memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.instances import on_s3
from tests.object_stores import s3_server
from tests.processes import POLL_SECONDS, memory_bytes
from tests.servers import Server, layerstore_server

UPLOADS = 100
UPLOAD_MIB = 256 if os.environ.get("LAYERSTORE_LONG") else 16
MEMORY_MIB = 400
"""What all processes of the instance may take together."""

LATE_SECONDS = 1800


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with (
        s3_server(tmp_path) as store,
        layerstore_server(tmp_path / "instance", config=on_s3(store)) as server,
    ):
        yield server


@pytest.mark.timeout(LATE_SECONDS)
def test_a_hundred_uploads_finish_in_bounded_memory(server: Server) -> None:
    crowd = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.object_storage.uploaders"),
            *(server.host, str(UPLOADS), str(UPLOAD_MIB)),
        ]
    )
    peak = 0
    with crowd:
        while crowd.poll() is None:
            peak = max(peak, memory_bytes(server.process.pid))
            try:
                crowd.wait(POLL_SECONDS * 10)
            except subprocess.TimeoutExpired:
                continue
    print(f"{UPLOADS} uploads of {UPLOAD_MIB} MiB: {peak / 2**20:.0f} MiB at most")
    assert crowd.returncode == 0
    assert peak < MEMORY_MIB * 2**20

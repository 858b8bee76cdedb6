"""A layer of 20 GiB through S3 with `make test-s3-large`; one of 200 MiB in every run."""

from __future__ import annotations

import hashlib
import http.client
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.instances import on_s3
from tests.object_storage.uploaders import digest_of
from tests.object_stores import s3_server
from tests.processes import memory_bytes
from tests.servers import layerstore_server

LAYER_MIB = int(os.environ.get("LAYERSTORE_LAYER_MIB", "200"))
MEMORY_MIB = 400
UPLOAD_S = 7200
READ_BYTES = 1024 * 1024


@pytest.mark.timeout(UPLOAD_S)
def test_a_large_layer_comes_back_the_same(tmp_path: Path) -> None:
    with (
        s3_server(tmp_path, many_parts=True) as store,
        layerstore_server(
            tmp_path / "instance", config=on_s3(store, chunksize=5 * 1024 * 1024)
        ) as server,
    ):
        command = [sys.executable, "-m", "tests.object_storage.uploaders", server.host, "1"]
        subprocess.run([*command, str(LAYER_MIB)], check=True, timeout=UPLOAD_S)
        assert memory_bytes(server.process.pid) < MEMORY_MIB * 2**20
        digest = digest_of(0, LAYER_MIB)
        assert fetched(redirected(f"{server.url}/v2/crowd/blobs/{digest}")) == digest


def redirected(url: str) -> str:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 307
    return answer.headers["Location"]


def fetched(url: str) -> str:
    """The digest of what is there."""
    parts, hasher = urlsplit(url), hashlib.sha256()
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    while piece := answer.read(READ_BYTES):
        hasher.update(piece)
    connection.close()
    return f"sha256:{hasher.hexdigest()}"

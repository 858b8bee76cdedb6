"""A store that goes away and comes back: 503 meanwhile, never another answer; health tells it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from tests.instances import on_s3
from tests.object_stores import S3Server, s3_server
from tests.processes import accepts, free_port, running, stop, wait_until
from tests.servers import layerstore_server

DIGEST = f"sha256:{'0' * 64}"
ASKED = (
    ("GET", "/v2/app/manifests/v1"),
    ("HEAD", f"/v2/app/blobs/{DIGEST}"),
    ("GET", "/v2/app/tags/list"),
    ("POST", "/v2/app/blobs/uploads/"),
    ("GET", "/v2/_catalog"),
)
WHOLE_TURN_S = 60.0


def test_nothing_but_503_while_the_store_is_absent(tmp_path: Path) -> None:
    debug = free_port()
    with s3_server(tmp_path) as store:
        config = {
            **on_s3(store),
            "http": {"debug": {"addr": f"127.0.0.1:{debug}"}},
            "health": {"storagedriver": {"enabled": True, "interval": "200ms", "threshold": 1}},
        }
        with layerstore_server(tmp_path / "instance", config=config) as server:
            wait_until(lambda: health(debug) == 200, "well at first")
            assert [status(server.host, *each)[0] for each in ASKED] == [404, 404, 404, 202, 200]
            stop(store.process)
            began = time.monotonic()
            for each in ASKED * 2:
                found, again_in = status(server.host, *each)
                assert found == 503, each
                assert again_in is not None
            assert time.monotonic() - began < WHOLE_TURN_S
            wait_until(lambda: health(debug) == 503, "unwell without a store")
            with back(store, tmp_path):
                wait_until(lambda: status(server.host, *ASKED[3])[0] == 202, "served again")
                wait_until(lambda: health(debug) == 200, "well again")


def status(host: str, method: str, target: str) -> tuple[int, str | None]:
    """The status, and when to ask again."""
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request(method, target)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Retry-After")


def health(port: int) -> int:
    return status(f"127.0.0.1:{port}", "GET", "/debug/health")[0]


@contextmanager
def back(store: S3Server, folder: Path) -> Iterator[None]:
    """The same server at the same address once more."""
    port = int(store.endpoint.rpartition(":")[2])
    command = cast("list[str | Path]", store.process.args)
    with running(command, log=folder / "again.log", ready=lambda: accepts(port)):
        yield

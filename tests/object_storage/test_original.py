"""One bucket under the original and under us: what one pushes the other serves."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contract.content import MIB, some_bytes
from tests.instances import on_s3
from tests.object_storage.test_killed_instances import layer
from tests.object_stores import S3Server, s3_server
from tests.processes import short_folder
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server, original_server


@dataclass
class Both:
    ours: Server
    original: Server
    crane: Tool

    def named(self, name: str) -> Server:
        return self.ours if name == "ours" else self.original


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    with (
        s3_server(folder) as store,
        short_folder("home") as home,
        layerstore_server(folder / "ours", config=_config(store)) as ours,
        original_server(folder / "original", config=_config(store)) as original,
    ):
        crane = Tool(need("crane"), environment={"HOME": str(home), "TMPDIR": str(home)})
        yield Both(ours, original, crane)


def _config(store: S3Server) -> dict[str, object]:
    return dict(on_s3(store, secure=False, rootdirectory="/some/root"))


@pytest.mark.parametrize(("pushing", "serving"), [("ours", "original"), ("original", "ours")])
def test_what_one_pushes_the_other_serves(
    both: Both, pushing: str, serving: str, tmp_path: Path
) -> None:
    tar, crane = layer(tmp_path / "layer.tar", 7), both.crane
    crane.run("append", "-f", tar, "-t", f"{both.named(pushing).host}/from-{pushing}:v1")
    other = f"{both.named(serving).host}/from-{pushing}"
    crane.run("validate", "--remote", f"{other}:v1")
    assert crane.run("ls", other).split() == ["v1"]
    assert f"from-{pushing}" in crane.run("catalog", both.named(serving).host).split()


@pytest.mark.parametrize(("pushing", "adding"), [("ours", "original"), ("original", "ours")])
def test_one_goes_on_where_the_other_stopped(
    both: Both, pushing: str, adding: str, tmp_path: Path
) -> None:
    tar, crane = layer(tmp_path / "layer.tar", 8), both.crane
    here, there = both.named(pushing).host, both.named(adding).host
    crane.run("append", "-f", tar, "-t", f"{here}/on-{pushing}:v1")
    crane.run("tag", f"{there}/on-{pushing}:v1", "v2")
    crane.run(
        "append", "-b", f"{there}/on-{pushing}:v1", "-f", tar, "-t", f"{there}/on-{pushing}:v3"
    )
    for tag in ("v1", "v2", "v3"):
        crane.run("validate", "--remote", f"{here}/on-{pushing}:{tag}")


@pytest.mark.parametrize("sizes", [(3, 0), (12 * MIB, 0), (12 * MIB, 7 * MIB), (25 * MIB + 5, 100)])
def test_an_upload_that_the_original_began_is_carried_on_by_us(
    both: Both, sizes: tuple[int, int]
) -> None:
    before, behind = (some_bytes(size, size) for size in sizes)
    digest = f"sha256:{hashlib.sha256(before + behind).hexdigest()}"
    place = asked(both.original, "POST", "/v2/carried/blobs/uploads/", b"", 202)
    place = asked(both.original, "PATCH", place, before, 202)
    if behind:
        place = asked(both.ours, "PATCH", place, behind, 202)
    asked(both.ours, "PUT", f"{place}&digest={digest}", b"", 201)
    for server in (both.ours, both.original):
        asked(server, "HEAD", f"/v2/carried/blobs/{digest}", b"", 307)


def asked(server: Server, method: str, target: str, body: bytes, status: int) -> str:
    """The path and query of the Location that is answered."""
    connection = http.client.HTTPConnection(server.host, timeout=60)
    connection.request(method, target, body, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    assert answer.status == status, told
    parts = urlsplit(answer.headers.get("Location", ""))
    return f"{parts.path}?{parts.query}"

"""Where content comes from: a file, a stream, elsewhere; and what happens when it is damaged."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerstore.oci.digest import Digest
from layerstore.registry.paths import BlobData
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.web.headers import HeaderLines
from layerstore.web.message import FileBody, Request, Response
from tests.fakes import FakeClock
from tests.unit.api.bodies import Pieces
from tests.unit.api.direct import DirectWire
from tests.wire.stock import CONFIG, LAYER, digest_of, image, push_blob, push_manifest

TARGET = f"/v2/a/blobs/{digest_of(LAYER)}"


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


class Elsewhere(MemoryDriver):
    """A storage that clients may read themselves."""

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        return f"https://store.example{path}?for={method}&seconds={lifetime_s}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_is_sent_to_the_storage(method: str, runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, driver=Elsewhere(FakeClock()))
    digest = push_blob(wire, "a", LAYER)
    answer = wire.ask(method, TARGET)
    assert (answer.status, answer.body) == (307, b"")
    path = BlobData(Digest(digest)).path
    assert answer.location == f"https://store.example{path}?for={method}&seconds=1200"
    assert wire.ask(method, TARGET, {"If-None-Match": f'"{digest}"'}).status == 304


def test_a_client_is_not_sent_away_where_that_is_switched_off(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, driver=Elsewhere(FakeClock()), options={"redirect": False})
    push_blob(wire, "a", LAYER)
    assert wire.ask("GET", TARGET).body == LAYER


def response_to(wire: DirectWire, runner: asyncio.Runner, *headers: tuple[str, str]) -> Response:
    request = Request("GET", TARGET, "", HeaderLines(headers), Pieces(length=0))
    return runner.run(wire.api.handle(request))


def test_a_whole_file_is_handed_over_as_one(tmp_path: Path, runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, driver=FilesystemDriver(tmp_path, FakeClock()))
    push_blob(wire, "a", LAYER)
    body = response_to(wire, runner).body
    assert isinstance(body, FileBody)
    assert body.path.read_bytes() == LAYER
    assert wire.ask("GET", TARGET, {"Range": "bytes=5-6"}).body == LAYER[5:7]


def test_a_blob_whose_data_is_gone_is_not_there_and_that_is_reported(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    """Bug museum 22: never a 200 with a body that breaks off."""
    wire = DirectWire(runner)
    digest = push_blob(wire, "a", LAYER)
    runner.run(wire.driver.delete(BlobData(Digest(digest)).path))
    with caplog.at_level(logging.WARNING):
        for method in ("GET", "HEAD"):
            assert wire.ask(method, TARGET).status == 404
    assert digest in caplog.text


def test_a_manifest_whose_content_is_gone_is_not_there(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner)
    push_blob(wire, "a", CONFIG)
    push_blob(wire, "a", LAYER)
    digest = push_manifest(wire, "a", "latest", image())
    runner.run(wire.driver.delete(BlobData(Digest(digest)).path))
    for reference in ("latest", digest):
        answer = wire.ask("GET", f"/v2/a/manifests/{reference}")
        assert (answer.status, answer.codes) == (404, ["MANIFEST_UNKNOWN"])
    push_manifest(wire, "a", "latest", image())
    assert wire.ask("GET", "/v2/a/manifests/latest").body == image()

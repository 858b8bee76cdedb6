"""An upload that was committed by a server which died before it answered."""

import asyncio
from collections.abc import Iterator

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.name import Name
from layerstore.registry.paths import UploadData, UploadStarted
from layerstore.storage.driver import StorageDriver
from tests.unit.api.direct import DirectWire
from tests.wire.client import Answer

NAME = Name("a")
CONTENT = b"content" * 100
DIGEST = Digest.of(CONTENT)
ID_LENGTH = 36


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def wire(runner: asyncio.Runner) -> DirectWire:
    return DirectWire(runner)


def uploaded(wire: DirectWire) -> str:
    """Where an upload stands that has all its bytes."""
    begun = wire.ask("POST", f"/v2/{NAME}/blobs/uploads/").header("location")
    octets = [("content-type", "application/octet-stream")]
    return wire.ask("PATCH", begun or "", octets, CONTENT).header("location") or ""


def upload_id(location: str) -> str:
    return location.partition("?")[0][-ID_LENGTH:]


def finish(wire: DirectWire, location: str, digest: Digest = DIGEST) -> Answer:
    return wire.ask("PUT", f"{location}&digest={digest}")


def killed_before_forgetting(wire: DirectWire, runner: asyncio.Runner, location: str) -> None:
    """The session's folder is as it was, but for the bytes that are a blob now."""
    path = UploadStarted(NAME, upload_id(location)).path
    started = runner.run(wire.driver.get(path))
    assert finish(wire, location).status == 201
    runner.run(wire.driver.put(path, started))


def test_the_same_put_once_more_says_that_the_blob_is_there(
    wire: DirectWire, runner: asyncio.Runner
) -> None:
    location = uploaded(wire)
    killed_before_forgetting(wire, runner, location)
    answer = finish(wire, location)
    assert answer.status == 201
    assert answer.header("docker-content-digest") == DIGEST
    data = UploadData(NAME, upload_id(location)).path
    assert runner.run(wire.driver.pending(data)) is None


def test_a_put_whose_answer_was_lost_may_be_sent_again(wire: DirectWire) -> None:
    location = uploaded(wire)
    answers = [finish(wire, location) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 201]


def test_a_put_whose_upload_is_gone_without_its_blob_is_told_so(wire: DirectWire) -> None:
    location = uploaded(wire)
    assert finish(wire, location).status == 201
    assert wire.ask("DELETE", f"/v2/{NAME}/blobs/{DIGEST}").status == 202
    answer = finish(wire, location)
    assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_a_put_beside_a_faster_one_says_that_the_blob_is_there(
    wire: DirectWire, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = uploaded(wire)
    finished = type(wire.driver).finish
    slower = iter([True])

    async def finish_first(driver: StorageDriver, path: str) -> bytes | None:
        if next(slower, False):
            answer = await wire.asked("PUT", f"{location}&digest={DIGEST}")
            assert answer.status == 201
        return await finished(driver, path)

    monkeypatch.setattr(type(wire.driver), "finish", finish_first)
    assert finish(wire, location).status == 201


@pytest.mark.parametrize("digest", [Digest.of(b"another"), Digest.of(b"")])
def test_a_put_of_anything_else_is_told_that_the_bytes_are_gone(
    wire: DirectWire, runner: asyncio.Runner, digest: Digest
) -> None:
    wire.ask("POST", f"/v2/{NAME}/blobs/uploads/?digest={Digest.of(b'')}")
    location = uploaded(wire)
    killed_before_forgetting(wire, runner, location)
    answer = finish(wire, location, digest)
    assert (answer.status, answer.header("range")) == (416, "0-0")

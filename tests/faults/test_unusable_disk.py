"""A disk that takes no writes, refuses them or lets them wait, under a server that goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.clients import Client, Refused
from tests.faults.counts import IS_LONG, Counted
from tests.faults.disks import Disk, in_a_file
from tests.faults.images import Asked, Image
from tests.faults.remains import half_written, left_over
from tests.processes import family, wait_until
from tests.servers import Server, layerstore_server
from tests.wire.client import Answer, SocketWire

UNUSABLE = (503,)
OLD = Image("old/image", 400_000)
HANGING = 300 if IS_LONG else 130
"""More than the driver of both workers together has threads for, or than that of one has."""

PATIENT_S = 5.0
"""An answer within it did not wait for the disk."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with in_a_file(tmp_path_factory.mktemp("unusable") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def server(disk: Disk) -> Iterator[Server]:
    with disk.locks_elsewhere(), layerstore_server(disk.root, workers=1) as server:
        Client(server.host).push(OLD)
        yield server


def writes(image: Image) -> list[Asked]:
    """One of each kind, of which none finds its work done already."""
    return [image.begin, image.at_once, OLD.tagged_as("another"), *OLD.deletes]


def test_a_disk_that_became_read_only_is_read_from_and_written_to_again_later(
    server: Server, disk: Disk, counted: Counted
) -> None:
    client, image = Client(server.host), Image("read/only")
    location = client.ask(image.begin).location
    with disk.read_only():
        for asked in (image.append(location), *writes(Image("not/now"))):
            with pytest.raises(Refused) as refusal:
                Client(server.host, UNUSABLE).ask(asked)
            assert int(refusal.value.answer.header("retry-after") or 0) > 0
            client.pull(OLD)
            counted("requests that a read-only disk refused")
    assert half_written(server.root) == []
    client.ask(image.finish(client.ask(image.append(location)).location))
    client.ask(image.at_once)
    client.ask(image.tagged)
    client.pull(image)


def test_a_read_only_registry_starts_on_a_read_only_disk(server: Server, disk: Disk) -> None:
    setting = {"storage": {"maintenance": {"readonly": {"enabled": True}}}}
    with disk.read_only(), layerstore_server(disk.root, config=setting, workers=1) as second:
        wire = SocketWire(second.host)
        Client(second.host).pull(OLD)
        for asked in writes(Image("not/now")):
            assert wire.ask(asked.method, asked.target, body=asked.body).status == 405


def test_a_registry_that_should_write_says_why_it_cannot(server: Server, disk: Disk) -> None:
    with (
        disk.read_only(),
        pytest.raises(RuntimeError, match="lies on a read-only file system: mount it for writing"),
        layerstore_server(disk.root, workers=1),
    ):
        pass


def test_who_reads_does_not_wait_for_a_disk_that_takes_no_writes(
    server: Server, disk: Disk, counted: Counted
) -> None:
    """Every kind of write hangs: new uploads, chunks, whole blobs, locks, tags and deletes."""
    client = Client(server.host)
    images = [Image(f"hanging{number}/image") for number in range(5)]
    for image in images:
        client.push(image)
    locations = [client.ask(image.begin).location for image in images]
    with ThreadPoolExecutor(64) as pool:
        with disk.hanging():
            writes: list[Future[Answer] | Future[None]] = [
                pool.submit(client.ask, asked)
                for image, location in zip(images, locations, strict=True)
                for asked in (image.begin, image.append(location), image.at_once, image.tagged)
            ]
            writes += [pool.submit(client.delete, image) for image in images]
            wait_until(lambda: server_waits(server, 10), "writes are waiting")
            slowest = max(seconds_to_pull(client, OLD) for _ in range(10))
            assert not any(write.done() and write.exception() for write in writes)
        for write in writes:
            write.result(60)
    assert slowest < PATIENT_S
    assert half_written(server.root) == []
    assert left_over(server.root) == []
    counted("writes into a disk that hung", len(writes))


def test_more_writes_than_threads_wait_and_readers_still_do_not(
    server: Server, disk: Disk, counted: Counted
) -> None:
    client = Client(server.host)
    with ThreadPoolExecutor(HANGING) as pool:
        with disk.hanging():
            writes = [
                pool.submit(client.ask, Image(f"many{number}/image").begin)
                for number in range(HANGING)
            ]
            wait_until(lambda: server_waits(server, 100), "all threads are waiting")
            slowest = max(seconds_to_pull(client, OLD) for _ in range(10))
        for write in writes:
            assert write.result(60).status == 202
    assert slowest < PATIENT_S
    counted("writes into a disk that hung", len(writes))


def server_waits(server: Server, count: int) -> bool:
    """Whether that many threads of the workers wait for a disk (state D)."""
    waiting = 0
    for member in family(server.process.pid):
        for thread in Path(f"/proc/{member}/task").iterdir():
            waiting += thread.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "D"
    return waiting >= count


def seconds_to_pull(client: Client, image: Image) -> float:
    began = time.monotonic()
    client.pull(image)
    return time.monotonic() - began

"""A disk that is full at every point of a push, and has room again: 507, and nothing half written.

The room that is left grows by one page, or one file, from push to push, until a whole image fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layerstore.telemetry.page import Page
from tests.faults.clients import Client, Refused
from tests.faults.counts import IS_LONG, Counted
from tests.faults.disks import MIB, PAGE_BYTES, Disk, in_a_file, in_memory
from tests.faults.images import Image
from tests.faults.remains import half_written, left_over
from tests.servers import Server, layerstore_server

STEP = 1 if IS_LONG else 3
FULL = (507,)
OLD = Image("old/image", 400_000)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with in_memory(tmp_path_factory.mktemp("full") / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def server(disk: Disk) -> Iterator[Server]:
    with layerstore_server(disk.root, workers=2) as server:
        Client(server.host).push(OLD)
        yield server


@pytest.fixture(autouse=True)
def room(disk: Disk) -> Iterator[None]:
    """Every test begins with it."""
    yield
    disk.empty()


def check_push_at_every_point(
    server: Server, make_room: Callable[[int], None], end: Callable[[], None], counted: Counted
) -> None:
    """Push with ever more room, until one push is done; each is done again once there is room."""
    healthy, pressed = Client(server.host), Client(server.host, FULL)
    refused = 0
    for room in itertools.count(0, STEP):
        image = Image(f"pushed{room}/onto-a-full-disk", 30_000)
        make_room(room)
        try:
            pressed.push(image)
        except Refused:
            refused += 1
        else:
            break
        finally:
            healthy.pull(OLD)
            assert half_written(server.root) == []
            assert left_over(server.root) == []
            end()
        healthy.push(image)
        healthy.pull(image)
        healthy.delete(image)
    counted("points of a push where the disk was full", refused)
    assert refused > 1


def test_no_room_for_the_next_page(server: Server, disk: Disk, counted: Counted) -> None:
    def make_room(pages: int) -> None:
        disk.fill(leaving=pages * PAGE_BYTES)

    check_push_at_every_point(server, make_room, disk.empty, counted)


def test_no_room_for_the_next_file(server: Server, disk: Disk, counted: Counted) -> None:
    def make_room(files: int) -> None:
        disk.use_up_inodes(leaving=files)

    check_push_at_every_point(server, make_room, lambda: disk.free_inodes(200), counted)


def test_no_room_on_a_disk_that_finds_room_late(tmp_path: Path, counted: Counted) -> None:
    """Ext4 gives blocks to bytes when they are synced, not when they are written."""
    with in_a_file(tmp_path / "disk") as disk, layerstore_server(disk.root, workers=1) as server:
        Client(server.host).push(OLD)

        def make_room(pages: int) -> None:
            disk.fill(leaving=pages * PAGE_BYTES)

        check_push_at_every_point(server, make_room, disk.empty, counted)


def test_an_upload_goes_on_where_the_room_ended(server: Server, disk: Disk) -> None:
    image = Image("goes/on", 3 * MIB)
    client = Client(server.host, FULL)
    location = client.ask(image.begin).location
    disk.fill(leaving=2 * MIB)
    with pytest.raises(Refused):
        client.ask(image.append(location))
    disk.empty()
    status = Client(server.host).ask(image.status(location))
    arrived = int(status.header("docker-upload-size") or 0)
    assert 0 < arrived < len(image.layer)
    location = client.ask(image.append(status.location, arrived)).location
    client.ask(image.finish(location))
    client.ask(image.at_once)
    client.ask(image.tagged)
    client.pull(image)


def test_content_can_be_deleted_from_a_full_disk(server: Server, disk: Disk) -> None:
    """Else there would be no way out."""
    client, image = Client(server.host), Image("to/go")
    client.push(image)
    disk.fill()
    client.delete(image)


def test_a_server_starts_on_a_full_disk_and_is_read_from(server: Server, disk: Disk) -> None:
    disk.fill()
    with layerstore_server(disk.root, workers=1) as second:
        Client(second.host).pull(OLD)
        with pytest.raises(Refused):
            Client(second.host, FULL).push(Image("not/now"))


def test_the_shared_page_holds_its_room_from_the_start(disk: Disk) -> None:
    """A page that is promised and not there kills whoever writes into it (SIGBUS)."""
    page = disk.folder / "page"
    Page.create(page, 64)
    assert page.stat().st_blocks * 512 >= page.stat().st_size
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        Page.create(disk.folder / "another", 64)

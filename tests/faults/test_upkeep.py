"""Uploads are purged by one worker of a server, and by another one when that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from layerstore.oci.name import Name
from layerstore.registry.paths import upload_folder
from tests.clients.raw_upload import RawUpload
from tests.processes import family, wait_until
from tests.servers import Server, layerstore_server

NAME = "team/app"
SETTINGS = {"storage": {"maintenance": {"uploadpurging": {"age": "1s", "interval": "1s"}}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("upkeep") / "data"
    with layerstore_server(root, config=SETTINGS, workers=2) as server:
        wait_until(lambda: "Try:" in server.log.read_text(), "all workers have started")
        yield server


def holders(server: Server) -> set[int]:
    """The processes that hold the lock of those who do the upkeep."""
    lock = server.root / "layerstore" / "locks" / "upkeep"
    if not lock.exists():
        return set()
    inode = f":{lock.stat().st_ino} "
    held = [line.split() for line in Path("/proc/locks").read_text().splitlines() if inode in line]
    return {int(words[4]) for words in held if words[1] == "FLOCK"}


def assert_purges(server: Server) -> None:
    upload = RawUpload(server.host, NAME)
    state = upload.begin()
    upload_id = urlsplit(state.location).path.rpartition("/")[2]
    folder = server.root / upload_folder(Name(NAME), upload_id)[1:]
    wait_until(lambda: not folder.exists(), "the upload is purged")
    assert upload.state(state.location).status == 404
    line = f"upload {upload_id} of {NAME} removed: last written "
    wait_until(lambda: line in server.log.read_text(), "the log tells it")


def test_another_worker_purges_when_the_one_that_did_is_killed(server: Server) -> None:
    assert_purges(server)
    [first] = holders(server)
    assert first in family(server.process.pid)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: bool(holders(server) - {first}), "another worker follows it")
    [second] = holders(server)
    assert second in family(server.process.pid)
    assert_purges(server)


def test_a_new_configuration_goes_to_workers_that_purge_too(server: Server) -> None:
    wait_until(lambda: bool(holders(server)), "one worker does the upkeep")
    before = holders(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "read anew" in server.log.read_text(), "the workers are exchanged")
    wait_until(lambda: bool(holders(server) - before), "a new worker does the upkeep")
    assert_purges(server)


def test_a_server_that_ends_breaks_it_off_in_order_and_leaves_no_lock(tmp_path: Path) -> None:
    with layerstore_server(tmp_path / "data", config=SETTINGS, workers=1) as server:
        wait_until(lambda: bool(holders(server)), "its worker does the upkeep")
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert holders(server) == set()
        assert "Traceback" not in server.log.read_text()

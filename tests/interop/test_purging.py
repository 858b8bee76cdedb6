"""Uploads of the original that nobody goes on with are removed by Layerstore, and only those."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerstore.oci.name import Name
from layerstore.registry.paths import upload_folder, uploads_folder
from tests.clients.raw_upload import RawUpload, SessionState
from tests.servers import Server, layerstore_server, original_server

NAME = "interop/purged"
CHUNK = b"some of a blob" * 1000
EIGHT_DAYS_S = 8 * 24 * 60 * 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The original, which goes on while the command runs beside it."""
    with original_server(tmp_path_factory.mktemp("purged") / "storage") as server:
        yield server


def purge(server: Server, *options: str) -> str:
    """What `layerstore purge-uploads` prints, with the configuration of that server."""
    program = Path(sys.executable).with_name("layerstore")
    command: list[str | Path] = [program, "purge-uploads", server.configuration, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def folders(server: Server) -> set[Path]:
    return set((server.root / uploads_folder(Name(NAME))[1:]).iterdir())


def upload(server: Server) -> tuple[SessionState, Path]:
    """A session with a chunk, and its folder."""
    parent = server.root / uploads_folder(Name(NAME))[1:]
    before = folders(server) if parent.exists() else set()
    session = RawUpload(server.host, NAME)
    state = session.send(session.begin().location, 0, CHUNK)
    assert state.status == 202
    [folder] = folders(server) - before
    assert folder == server.root / upload_folder(Name(NAME), folder.name)[1:]
    return state, folder


def age(*paths: Path) -> None:
    """Let these files have been written eight days ago, as far as the file system knows."""
    moment = time.clock_gettime(time.CLOCK_REALTIME) - EIGHT_DAYS_S
    for path in paths:
        os.utime(path, (moment, moment))


def test_an_old_upload_of_the_original_goes_and_the_original_knows_it_no_more(
    server: Server,
) -> None:
    state, folder = upload(server)
    age(*folder.rglob("*"))
    assert "would remove 1 of 1 uploads" in purge(server, "--dry-run")
    assert folder.exists()
    assert f"removed {NAME} {folder.name}: last written " in purge(server)
    assert not folder.exists()
    assert RawUpload(server.host, NAME).state(state.location).status == 404


def test_an_upload_that_began_long_ago_and_is_written_to_goes_on(server: Server) -> None:
    state, folder = upload(server)
    (folder / "startedat").write_text("2015-01-14T18:30:00Z")
    age(folder / "startedat")
    assert "removed 0 of 1 uploads" in purge(server)
    with layerstore_server(server.root, config={"http": {"secret": None}}, workers=1):
        assert "removed 0 of 1 uploads" in purge(server)
    session = RawUpload(server.host, NAME)
    state = session.send(session.state(state.location).location, len(CHUNK), CHUNK)
    digest = f"sha256:{hashlib.sha256(CHUNK * 2).hexdigest()}"
    assert session.commit(state.location, digest) == 201

"""An upload that breaks off again and again is resumed, in whichever worker, and loses little."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.clients.raw_upload import RawUpload, SessionState
from tests.clients.registry_reader import RegistryReader
from tests.processes import wait_until
from tests.servers import Server, layerstore_server

SEED = "broken uploads"
PATCHES = re.compile(r"http\.request\.method=\"?PATCH")
BREAKS = 10
WORKERS = 3
BLOB_BYTES = 32 << 20
CHUNK_BYTES = 1 << 20
SETTLE_SECONDS = 20
REPOSITORY = "broken/upload"


@pytest.fixture
def many_workers(tmp_path: Path) -> Iterator[Server]:
    with layerstore_server(tmp_path / "storage", workers=WORKERS) as server:
        yield server


def test_an_upload_that_breaks_ten_times_is_resumed_and_loses_less_than_a_chunk_each_time(
    many_workers: Server, tmp_path: Path
) -> None:
    blob = hashlib.shake_256(SEED.encode()).digest(BLOB_BYTES)
    upload = RawUpload(many_workers.host, REPOSITORY)
    state = upload.begin()
    for turn in range(BREAKS):
        reached = state.size + chosen(turn, len(blob) - state.size)
        state = break_at(upload, state, blob, reached, partial(is_over, many_workers, turn))
        assert 0 <= reached - state.size < CHUNK_BYTES, f"{SEED!r}, turn {turn}: too much is lost"
    finished = upload.send(state.location, state.size, blob[state.size :])
    assert (finished.status, finished.size) == (202, len(blob))
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert upload.commit(finished.location, digest) == 201
    (tmp_path / "blob").write_bytes(blob)
    RegistryReader(many_workers.host, REPOSITORY).assert_blob(digest, tmp_path / "blob")


def break_at(
    upload: RawUpload,
    state: SessionState,
    blob: bytes,
    reached: int,
    is_settled: Callable[[], bool],
) -> SessionState:
    """Send up to the byte `reached`, vanish, and read the state once the server has settled.

    What a vanished client had sent may still be on its way through the server until then.
    """
    upload.send_and_break(state.location, state.size, blob[state.size :], reached - state.size)
    wait_until(is_settled, f"the request that broke off at {reached} is over", SETTLE_SECONDS)
    latest = upload.state(state.location)
    assert latest.status == 204
    return latest


def is_over(server: Server, turn: int) -> bool:
    """Whether the server is done with the chunk of that turn, whole or not; its log tells."""
    return len(PATCHES.findall(server.log.read_text())) > turn


def chosen(turn: int, remaining: int) -> int:
    """How many bytes are sent in this turn: by the seed, and so that the turns left have some."""
    span = 2 * remaining // (BREAKS - turn + 1)
    chance = int.from_bytes(hashlib.sha256(f"{SEED} {turn}".encode()).digest()[:8], "big")
    return 2 + chance % (span - 2)

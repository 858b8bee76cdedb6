"""Attacks over the network, beside clients that mean well.

What must hold: honest requests all succeed and none waits long, the server's memory stays within
bounds, and who is too slow is sent away in time. The p99 of honest requests is reported.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.clients import Client
from tests.faults.counts import IS_LONG, Counted
from tests.faults.honest import at_99_percent, seconds_of_requests
from tests.faults.images import Asked
from tests.faults.remains import half_written, left_over
from tests.processes import memory_bytes, wait_until
from tests.servers import Server, layerstore_server

MIB = 1024 * 1024
SECONDS = 15.0 if IS_LONG else 2.0
LARGE = bytes(64 * MIB)
LARGE_DIGEST = f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
P99_MAX_S = 2.0
GROWTH_MAX_BYTES = 100 * MIB
GROWTH_OF_EACH_MAX_BYTES = 4 * MIB
"""What a single attacker may cost: a piece of a body or of a blob in each step of its way."""

HASTE: dict[str, Any] = {
    "limits": {"progresstimeout": "1s", "leastrate": 1000, "ratewindow": "1s"},
}
FRAMES: dict[str, Any] = {**HASTE, "http": {"http2": {"enabled": True}}}


@dataclass(frozen=True)
class Outcome:
    """What an attack came to, and what it was like for others."""

    began: int
    requests: int
    sent_away: int
    statuses: dict[str, int]
    p99_s: float
    growth_bytes: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with stocked(tmp_path_factory.mktemp("networks") / "root", HASTE) as server:
        yield server


@pytest.fixture(scope="module")
def server_of_frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same with HTTP/2."""
    with stocked(tmp_path_factory.mktemp("frames") / "root", FRAMES) as server:
        yield server


@contextmanager
def stocked(root: Path, config: dict[str, Any]) -> Iterator[Server]:
    """A server with a large blob in it."""
    with layerstore_server(root, config=config, workers=2) as server:
        target = f"/v2/large/blobs/uploads/?digest={LARGE_DIGEST}"
        Client(server.host).ask(Asked("POST", target, 201, body=LARGE))
        yield server


def beside(server: Server, kind: str, count: int) -> Outcome:
    """Let `count` attackers do their harm beside honest clients."""
    before = peak = memory_bytes(server.process.pid)
    target = f"/v2/large/blobs/{LARGE_DIGEST}"
    command = [sys.executable, "-m", "tests.faults.attacks", server.host, kind]
    command += [str(count), str(SECONDS), target]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attackers:

        def is_over() -> bool:
            nonlocal peak
            peak = max(peak, memory_bytes(server.process.pid))
            return attackers.poll() is not None

        seconds = seconds_of_requests(server.host, is_over)
        assert attackers.stdout is not None
        harm = json.load(attackers.stdout)
    return Outcome(**harm, p99_s=at_99_percent(seconds), growth_bytes=peak - before)


@dataclass(frozen=True)
class Expected:
    """What has to come of an attack by so many clients, in the long form by more of them."""

    count: int
    more: int = 10
    status: str = ""
    goes_after_s: float | None = None


ATTACKS = {
    "slow_senders": Expected(100, status="408", goes_after_s=1),
    "slow_senders_of_chunks": Expected(100, status="408", goes_after_s=1),
    "slow_heads": Expected(300, goes_after_s=10),
    "silent_connections": Expected(300, goes_after_s=10),
    "idle_connections": Expected(300, goes_after_s=10),
    "slow_readers": Expected(20),
    "slow_readers_of_ranges": Expected(20, more=2),
    "broken_bodies": Expected(20, more=5),  # 300 MB a second; twice as much fills two cores
    "pipelined_requests": Expected(5),
    "chunks_of_one_byte": Expected(5, more=4),
    "forgotten_uploads": Expected(20, status="202"),
}


AT_LEAST = ("slow_senders", "slow_heads", "slow_readers_of_ranges", "broken_bodies")
CHOSEN = {kind: ATTACKS[kind] for kind in (ATTACKS if IS_LONG else AT_LEAST)}


@pytest.mark.parametrize(("kind", "expected"), CHOSEN.items(), ids=CHOSEN)
def test_honest_clients_do_not_suffer(
    kind: str, expected: Expected, server: Server, counted: Counted
) -> None:
    check(kind, expected, server, counted)


@pytest.mark.skipif(not IS_LONG, reason="make faults does this")
def test_honest_clients_do_not_suffer_from_frames(
    server_of_frames: Server, counted: Counted
) -> None:
    check("rapid_resets", Expected(5, more=4), server_of_frames, counted)


def check(kind: str, expected: Expected, server: Server, counted: Counted) -> None:
    count = expected.count * (expected.more if IS_LONG else 1)
    outcome = beside(server, kind, count)
    words = kind.replace("_", " ")
    counted(f"{words}: connections", outcome.began)
    counted(f"{words}: requests", outcome.requests)
    counted(f"{words}: ms that 99% of honest requests took at most", round(outcome.p99_s * 1000))
    counted(f"{words}: MiB more memory at most", max(0, outcome.growth_bytes // MIB))
    assert outcome.began >= count // 2
    assert outcome.p99_s < P99_MAX_S
    assert outcome.growth_bytes < GROWTH_MAX_BYTES + count * GROWTH_OF_EACH_MAX_BYTES
    if expected.status:
        assert set(outcome.statuses) == {expected.status}
    if expected.goes_after_s is not None and expected.goes_after_s + 1 < SECONDS:
        assert outcome.sent_away >= count // 2


def test_what_honest_clients_take_when_nobody_attacks(server: Server, counted: Counted) -> None:
    over = time.monotonic() + SECONDS
    seconds = seconds_of_requests(server.host, lambda: time.monotonic() > over)
    p99_s = at_99_percent(seconds)
    counted("no attack: ms that 99% of honest requests took at most", round(p99_s * 1000))
    assert p99_s < P99_MAX_S


def test_a_connection_that_is_cut_leaves_no_upload_half_alive(server: Server) -> None:
    """After all of this, what the storage holds is whole."""
    wait_until(lambda: left_over(server.root) == [], "what was on its way is gone")
    assert half_written(server.root) == []

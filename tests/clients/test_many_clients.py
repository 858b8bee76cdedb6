"""Two hundred clients push and pull at the same time: no error, and memory that stays where it is.

Ten seconds long, or the full minute with LAYERSTORE_LONG=1 in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from tests.processes import memory_bytes
from tests.servers import Server, layerstore_server

CLIENTS = 200
SECONDS = 60 if os.environ.get("LAYERSTORE_LONG") else 10
LATE_SECONDS = 120
SAMPLE_SECONDS = 0.5
GROWTH_ALLOWED = 1.10
NOISE_BYTES = 16 << 20


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    with layerstore_server(tmp_path / "storage") as server:
        yield server


def test_two_hundred_clients_meet_no_error_and_memory_stays_flat(fresh_server: Server) -> None:
    crowd = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.clients.crowd",
            fresh_server.host,
            str(CLIENTS),
            str(SECONDS),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with crowd:
        samples = list(memory_until_it_ends(crowd, fresh_server))
        tally = json.loads(crowd.communicate(timeout=LATE_SECONDS)[0])
    assert tally["errors"] == []
    assert tally["pulled"] == tally["pushed"] >= CLIENTS
    middle, end = middle_and_end(samples)
    print(f"{tally['pushed']} images; memory {middle / 2**20:.0f} → {end / 2**20:.0f} MiB")
    assert end <= middle * GROWTH_ALLOWED + NOISE_BYTES


def memory_until_it_ends(crowd: subprocess.Popen[str], server: Server) -> Iterator[int]:
    """The server's memory in bytes, every SAMPLE_SECONDS while the crowd is at work."""
    for _ in range(int((SECONDS + LATE_SECONDS) / SAMPLE_SECONDS)):
        try:
            crowd.wait(SAMPLE_SECONDS)
        except subprocess.TimeoutExpired:
            yield memory_bytes(server.process.pid)
        else:
            return
    crowd.kill()
    pytest.fail(f"the clients were not done {LATE_SECONDS} s after their time")


def middle_and_end(samples: list[int]) -> tuple[float, float]:
    """The mean of the samples around the middle, and of those at the end."""
    fifth = max(1, len(samples) // 5)
    return mean(samples[2 * fifth : 3 * fifth]), mean(samples[-fifth:])

"""Layerstore and the original take a random workload in turn, and answer as one registry would."""

from __future__ import annotations

import os

import pytest

from tests.interop.workload import Peer, Workload
from tests.servers import Server
from tests.wire.client import SocketWire

LONG = bool(os.environ.get("LAYERSTORE_LONG"))
SEEDS = range(40) if LONG else range(3)
STEPS = 400 if LONG else 80


@pytest.mark.parametrize("seed", SEEDS)
def test_two_servers_on_one_folder_answer_as_one(
    seed: int, fleet: tuple[Server, Server], request: pytest.FixtureRequest
) -> None:
    version = request.node.callspec.params["fleet"]
    ours, theirs = (SocketWire(server.host) for server in fleet)
    workload = Workload([Peer(ours, None), Peer(theirs, version)], seed)
    workload.run(STEPS)
    assert any(held.revisions for held in workload.held.values())

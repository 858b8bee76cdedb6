"""Layerstore and the original take random workloads in turn, and answer as one registry would."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.workload import ACCEPT, Peer, Workload
from tests.servers import Server
from tests.wire.client import SocketWire
from tests.wire.stock import OCI_INDEX, digest_of, index, push_manifest

LONG = bool(os.environ.get("LAYERSTORE_LONG"))
SEEDS = range(12) if LONG else range(3)
STEPS = 250 if LONG else 80
AT_ONCE = 3
MOVES = 40


@pytest.fixture
def peers(fleet: tuple[Server, Server], request: pytest.FixtureRequest) -> list[Peer]:
    ours, theirs = (SocketWire(server.host) for server in fleet)
    return [Peer(ours, None), Peer(theirs, request.node.callspec.params["fleet"])]


def test_two_servers_on_one_folder_answer_as_one(peers: list[Peer]) -> None:
    """Several workloads at once, each in repositories of its own."""

    def story(seed: int) -> Workload:
        workload = Workload(peers, seed)
        workload.run(STEPS)
        return workload

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(pool.map(story, SEEDS))
    for workload in done:
        assert any(held.revisions for held in workload.held.values())


def test_two_who_move_one_tag_at_once_leave_it_with_one_of_them(peers: list[Peer]) -> None:
    name = "moved/by-two"
    sent = [[index(annotations={"by": who, "n": str(n)}) for n in range(MOVES)] for who in "ab"]

    def move(place: int) -> None:
        for number, content in enumerate(sent[place]):
            push_manifest(peers[(place + number) % 2].wire, name, "latest", content)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(move, range(2)))
    ends = [peer.wire.ask("GET", f"/v2/{name}/manifests/latest", ACCEPT).body for peer in peers]
    assert ends[0] == ends[1]
    assert ends[0] in [moves[-1] for moves in sent]
    for content in (each for moves in sent for each in moves):
        for peer in peers:
            answer = peer.wire.ask("GET", f"/v2/{name}/manifests/{digest_of(content)}", ACCEPT)
            assert (answer.status, answer.body) == (200, content)
            assert answer.header("content-type") == OCI_INDEX

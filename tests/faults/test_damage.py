"""`layerstore check` beside a server at work: no false alarm, and what it mends is served."""

from __future__ import annotations

import asyncio
import json
import random  # noqa: TID251  # seeded: one seed, one story
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from layerstore.app.checking import open_check
from layerstore.app.stores import opened_storage
from layerstore.clock import SystemClock
from layerstore.config.loading import load
from layerstore.upkeep.check.findings import Finding
from layerstore.upkeep.check.run import Wishes
from tests.faults.clients import Client
from tests.faults.counts import IS_LONG, Counted, counted
from tests.faults.images import Image
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire
from tests.wire.stock import CONFIG, LAYER, OCI_MANIFEST, descriptor, digest_of, image, push_blob

__all__ = ["counted"]

PROGRAM: Final = Path(sys.executable).with_name("layerstore")
CLIENTS: Final = 4
LOAD_SECONDS: Final = 60.0 if IS_LONG else 5.0
CHECK_SECONDS: Final = 60.0
BLOBS: Final = 2000 if IS_LONG else 200
SHARED: Final = "shared/by-all"
TAGS: Final = ("a", "b", "latest")


@pytest.fixture
def server(quick_disk: Path) -> Iterator[Server]:
    with layerstore_server(quick_disk / "data", workers=2) as server:
        yield server


def check(server: Server, *words: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Exit status, findings and summary of one run."""
    done = subprocess.run(
        [PROGRAM, "check", server.configuration, "--json", *words],
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=False,
    )
    assert done.stderr == "", done.stderr
    *findings, last = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, findings, last["summary"]


def check_here(server: Server, *, repairs: bool) -> list[Finding]:
    """What one run in this process finds; many of them take no longer than one command."""
    found: list[Finding] = []
    config, clock = load(server.configuration, {}).config, SystemClock()
    wishes = Wishes(repairs=repairs, jobs=2)

    async def run() -> None:
        async with opened_storage(config, clock) as driver:
            await open_check(config, clock, driver, wishes, found.append).run()

    asyncio.run(run())
    return found


@dataclass
class Crowd:
    """Clients that push, tag, untag and delete the same few images until they are told to stop."""

    server: Server
    over: Event = field(default_factory=Event)
    requests: int = 0

    def work(self, number: int) -> None:
        chance, wire = random.Random(number), SocketWire(self.server.host)
        client = Client(self.server.host)
        images = [image(annotations={"number": str(each)}) for each in range(3)]
        subject = descriptor(images[0], OCI_MANIFEST)
        documents = [*images, image(subject=subject), image(subject=subject, artifactType="a/b")]
        own = Image(f"own/by-{number}")
        while not self.over.is_set():
            content, tag = chance.choice(documents), chance.choice(TAGS)
            step = chance.randrange(8)
            if step == 0:
                client.push(own)
                client.pull(own)
                client.delete(own)
            elif step < 4:
                self._ask(wire, "PUT", chance.choice([tag, digest_of(content)]), content)
            elif step < 6:
                self._ask(wire, "DELETE", digest_of(content))
            else:
                self._ask(wire, "DELETE", tag)

    def _ask(self, wire: SocketWire, method: str, reference: str, content: bytes = b"") -> None:
        headers = {"Content-Type": OCI_MANIFEST} if content else {}
        answer = wire.ask(method, f"/v2/{SHARED}/manifests/{reference}", headers, content)
        assert answer.status in ((201,) if content else (202, 404)), (answer, answer.body)
        self.requests += 1


def test_a_check_beside_pushes_and_deletes_finds_nothing(server: Server, counted: Counted) -> None:
    wire = SocketWire(server.host)
    for content in (CONFIG, LAYER):
        push_blob(wire, SHARED, content)
    crowd, checks = Crowd(server), 0
    with ThreadPoolExecutor(CLIENTS) as threads:
        working = [threads.submit(crowd.work, number) for number in range(CLIENTS)]
        try:
            assert check(server, "--repair")[:2] == (0, [])
            end = time.monotonic() + LOAD_SECONDS
            while time.monotonic() < end:
                assert check_here(server, repairs=checks % 2 == 0) == []
                checks += 1
        finally:
            crowd.over.set()
        for each in working:
            each.result()
    assert checks > LOAD_SECONDS
    assert crowd.requests > checks
    counted("checks beside pushes and deletes", checks)
    counted("pushes and deletes beside a check", crowd.requests)


def test_flipped_bits_are_found_put_aside_and_healed_while_the_server_serves(
    server: Server, counted: Counted
) -> None:
    chance, wire = random.Random(1), SocketWire(server.host)
    contents = {digest_of(one): one for one in (chance.randbytes(100) for _ in range(BLOBS))}
    for content in contents.values():
        push_blob(wire, SHARED, content)
    flipped = set(chance.sample(sorted(contents), BLOBS // 100))
    for digest in flipped:
        flip(server.root, digest, chance)

    status, findings, _ = check(server)
    assert (status, {each["digest"] for each in findings}) == (1, flipped)
    check(server, "--repair")
    for digest in sorted(contents):
        answer = wire.ask("GET", f"/v2/{SHARED}/blobs/{digest}")
        if digest in flipped:
            assert (answer.status, answer.codes) == (404, ["BLOB_UNKNOWN"])
            assert wire.ask("HEAD", f"/v2/{SHARED}/blobs/{digest}").status == 404
            push_blob(wire, SHARED, contents[digest])
        else:
            assert answer.body == contents[digest]
    for digest in flipped:
        assert wire.ask("GET", f"/v2/{SHARED}/blobs/{digest}").body == contents[digest]
    status, findings, _ = check(server)
    assert (status, {each["kind"] for each in findings}) == (0, {"quarantined"})
    counted("blobs with a flipped bit, all found and healed", len(flipped))


def flip(root: Path, digest: str, chance: random.Random) -> None:
    letters = digest.partition(":")[2]
    data = root / f"docker/registry/v2/blobs/sha256/{letters[:2]}/{letters}/data"
    content = bytearray(data.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    data.write_bytes(content)

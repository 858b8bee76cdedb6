"""Two instances on one bucket are killed at random while clients push: every client succeeds."""

from __future__ import annotations

import os
import random  # noqa: TID251  # seeded: the same instances are killed in the same order
import signal
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from tests.contract.content import some_bytes
from tests.instances import balancer, on_s3
from tests.object_storage.clouds import CLOUDS, on
from tests.object_stores import s3_server
from tests.processes import family, free_port, short_folder
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, Settings, layerstore_server, overlay

IS_LONG = bool(os.environ.get("LAYERSTORE_LONG"))
KILLS = 25 if IS_LONG else 4
IMAGES_MAX = 500
CLIENTS = 3
LAYER_BYTES = 12 * 1024 * 1024
REST_MIN_S, REST_MAX_S = 0.5, 4.0
"""Seconds between two kills: what the dead held is free after eight, clients try for some ten."""

SEED = 6


class Mortal:
    """Two instances at fixed addresses, one of which is killed now and then and started again."""

    def __init__(self, config: Settings, folder: Path) -> None:
        self._ports = [free_port(), free_port()]
        self._config = config
        self._folder = folder
        self._lives = [ExitStack(), ExitStack()]
        self._servers: list[Server] = [self._start(0), self._start(1)]
        self.kills = 0

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.1:{port}" for port in self._ports]

    def _start(self, turn: int) -> Server:
        config = overlay(self._config, {"http": {"addr": f"127.0.0.1:{self._ports[turn]}"}})
        config = {**config, "storage": {"filesystem": None, **config["storage"]}}
        root = self._folder / f"instance-{turn}"
        return self._lives[turn].enter_context(layerstore_server(root, config=config))

    def kill(self, turn: int) -> None:
        """All its processes at once, in the middle of whatever they do."""
        for member in family(self._servers[turn].process.pid):
            os.kill(member, signal.SIGKILL)
        self._lives[turn].close()
        self.kills += 1
        self._servers[turn] = self._start(turn)

    def end(self) -> None:
        for life in self._lives:
            life.close()


@contextmanager
def dying(mortal: Mortal) -> Iterator[None]:
    chance, done = random.Random(SEED), threading.Event()

    def kill() -> None:
        while not done.wait(chance.uniform(REST_MIN_S, REST_MAX_S)):
            mortal.kill(chance.randrange(2))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        done.set()
        killer.join()


def layer(path: Path, seed: int) -> Path:
    content = some_bytes(LAYER_BYTES, seed)
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("file")
        entry.size = len(content)
        archive.addfile(entry, BytesIO(content))
    return path


@contextmanager
def stored(name: str, folder: Path) -> Iterator[Settings]:
    """What a configuration says that stores on a new store of that name."""
    if name == "s3":
        with s3_server(folder) as store:
            yield on_s3(store, chunksize=5 * 1024 * 1024)
        return
    with CLOUDS[name](folder) as cloud:
        yield on(cloud)


@pytest.mark.skipif(not IS_LONG, reason="make test-s3 and make test-clouds do this")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["s3", *CLOUDS])
def test_every_client_succeeds_by_its_own_retries(name: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        mortal = Mortal(stack.enter_context(stored(name, tmp_path)), tmp_path)
        stack.callback(mortal.end)
        front = stack.enter_context(balancer(tmp_path, mortal.hosts))
        home = stack.enter_context(short_folder("home"))
        crane = Tool(need("crane"), environment={"HOME": str(home), "TMPDIR": str(home)})

        def push(turn: int) -> None:
            tar = layer(tmp_path / f"layer-{turn}.tar", turn)
            crane.run("append", "-f", tar, "-t", f"{front.host}/app:v{turn}", seconds=300)
            tar.unlink()

        def push_while_they_die(client: int) -> list[int]:
            pushed = []
            for turn in range(client, IMAGES_MAX, CLIENTS):
                push(turn)
                pushed.append(turn)
                if mortal.kills >= KILLS:
                    break
            return pushed

        with dying(mortal), ThreadPoolExecutor(CLIENTS) as clients:
            pushed = [
                turn for turns in clients.map(push_while_they_die, range(CLIENTS)) for turn in turns
            ]
        assert mortal.kills >= KILLS
        for turn in pushed:
            crane.run("validate", "--remote", f"{front.host}/app:v{turn}", seconds=120)
        tags = crane.run("ls", f"{front.host}/app").split()
        assert tags == sorted(f"v{turn}" for turn in pushed)
        print(f"{mortal.kills} kills, {len(pushed)} images")

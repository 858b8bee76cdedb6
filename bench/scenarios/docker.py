"""A real image through a real Docker daemon, which runs beside the load and has its images alone.

Docker compresses a layer while it pushes it and unpacks it while it pulls, on the load's core; what
the server itself has worked stands beside the seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from bench.contestants import Running, on_core
from bench.scenario import Cost, Figure, Scenario, Yardstick
from bench.settings import DOCKER_LAYER_MIB
from bench.stock import MIB, Stock
from tests.daemons import docker_daemon
from tests.large.large_layer import LargeLayer
from tests.processes import accepts, free_port, running
from tests.programs.tool import Tool

LAYERS = 5
IMAGE_MB = LAYERS * DOCKER_LAYER_MIB * MIB / 1e6
CALL_SECONDS = 600.0
SINK = "a server that throws away"


def _push(server: Running, _: Stock | None) -> tuple[float, ...]:
    with _docker(_reference(server)) as docker:
        return _timed(docker, server, "push")


def _pull(server: Running, _: Stock) -> tuple[float, ...]:
    with _docker(_reference(server)) as docker:
        for command in ("push", "rmi"):
            docker.run(command, _reference(server), seconds=CALL_SECONDS)
        return _timed(docker, server, "pull")


def _push_into_sink(folder: Path) -> tuple[float, ...]:
    """The same push to a server that throws everything away."""
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "bench.sink", str(port)]
    with on_core(0):
        starting = running(command, log=folder / "sink.log", ready=lambda: accepts(port))
        process = starting.__enter__()
    try:
        with on_core(-1):
            return _push(Running(SINK, "127.0.0.1", port, process), None)
    finally:
        starting.__exit__(None, None, None)


@contextmanager
def _docker(reference: str) -> Iterator[Tool]:
    """A daemon with nothing in it but the image."""
    with tempfile.TemporaryDirectory(prefix="bench-docker-") as name:
        folder = Path(name)
        archive = _archive(folder / "image.tar", reference)
        with docker_daemon(folder, driver="overlay2") as docker:
            docker.run("load", "--input", archive, seconds=CALL_SECONDS)
            archive.unlink()
            os.sync()
            yield docker


def _reference(server: Running) -> str:
    return f"{server.host}:{server.port}/bench/docker:v1"


def _timed(docker: Tool, server: Running, command: str) -> tuple[float, float]:
    cost = Cost.of(server)
    began = time.perf_counter()
    docker.run(command, _reference(server), seconds=CALL_SECONDS)
    return time.perf_counter() - began, cost.seconds()


def _archive(target: Path, reference: str) -> Path:
    """An image of layers that no compression shortens, as one file for `docker load`."""
    diff_ids = []
    with tarfile.open(target, "w") as archive:
        for number in range(LAYERS):
            layer = target.with_name(f"layer-{number}.tar")
            diff_ids.append(_written(LargeLayer(f"bench {number}", DOCKER_LAYER_MIB * MIB), layer))
            archive.add(layer, layer.name)
            layer.unlink()
        config = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        names = [f"layer-{number}.tar" for number in range(LAYERS)]
        listed = [{"Config": "config.json", "RepoTags": [reference], "Layers": names}]
        _add(archive, "config.json", json.dumps(config).encode())
        _add(archive, "manifest.json", json.dumps(listed).encode())
    return target


def _written(layer: LargeLayer, target: Path) -> str:
    hashing = hashlib.sha256()
    with target.open("wb") as file:
        for piece in layer.pieces():
            hashing.update(piece)
            file.write(piece)
    return f"sha256:{hashing.hexdigest()}"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, BytesIO(content))


_IMAGE = f"of an image of {IMAGE_MB:.0f} MB in {LAYERS} layers"
_WORKED = Figure("processor seconds of the server in it", more_is_better=False)

SCENARIOS = (
    Scenario(
        "docker-push",
        f"docker push {_IMAGE} (limit: to a server that throws it away)",
        (Figure("s", more_is_better=False, least="1.0", goal="1.3"), _WORKED),
        _push,
        yardstick=Yardstick(SINK, _push_into_sink),
        writes=True,
    ),
    Scenario(
        "docker-pull",
        f"docker pull {_IMAGE}",
        (Figure("s", more_is_better=False, least="1.0"), _WORKED),
        _pull,
        writes=True,
    ),
)

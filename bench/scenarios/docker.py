"""A real image through a real Docker daemon, which runs beside the load and has its images alone.

Docker compresses a layer while it pushes it and unpacks it while it pulls, on the load's core; what
the server itself has worked stands beside the seconds.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path

from bench.contestants import Running
from bench.scenario import Cost, Figure, Scenario
from bench.settings import DOCKER_LAYER_MIB
from bench.stock import MIB, Stock
from tests.daemons import docker_daemon
from tests.large.large_layer import LargeLayer
from tests.programs.tool import Tool

LAYERS = 5
IMAGE_MB = LAYERS * DOCKER_LAYER_MIB * MIB / 1e6
CALL_SECONDS = 600.0


def _push_and_pull(server: Running, _: Stock) -> tuple[float, ...]:
    reference = f"{server.host}:{server.port}/bench/docker:v1"
    with tempfile.TemporaryDirectory(prefix="bench-docker-") as name:
        folder = Path(name)
        archive = _archive(folder / "image.tar", reference)
        with docker_daemon(folder, driver="overlay2") as docker:
            docker.run("load", "--input", archive, seconds=CALL_SECONDS)
            pushed = _timed(docker, server, "push", reference)
            docker.run("rmi", reference, seconds=CALL_SECONDS)
            pulled = _timed(docker, server, "pull", reference)
    return *pushed, *pulled


def _timed(docker: Tool, server: Running, *arguments: str) -> tuple[float, float]:
    cost = Cost.of(server)
    began = time.perf_counter()
    docker.run(*arguments, seconds=CALL_SECONDS)
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


SCENARIOS = (
    Scenario(
        "docker",
        f"docker push and docker pull of an image of {IMAGE_MB:.0f} MB in {LAYERS} layers",
        (
            Figure("docker push, s", more_is_better=False, least="1.0", goal="1.3"),
            Figure("processor seconds of the server in it", more_is_better=False),
            Figure("docker pull, s", more_is_better=False, least="1.0"),
            Figure("processor seconds of the server in it", more_is_better=False),
        ),
        _push_and_pull,
        writes=True,
    ),
)

"""Layerstore and the original, running at the same time on one storage folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.clients.fixtures import contents, docker, home
from tests.servers import ORIGINALS, Server, layerstore_server, original_server

__all__ = ["contents", "docker", "home"]


@dataclass(frozen=True)
class Pair:
    """Two servers on one folder: what `writer` is given, `reader` has to serve."""

    writer: Server
    reader: Server


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Layerstore and the original."""
    root = tmp_path_factory.mktemp("shared") / "storage"
    with original_server(root) as original, layerstore_server(root) as ours:
        yield ours, original


@pytest.fixture(scope="session", params=ORIGINALS, ids=lambda version: f"v{version}")
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """Layerstore with two workers, and one version of the original, on a folder of their own."""
    root = tmp_path_factory.mktemp(f"fleet{request.param}") / "storage"
    original = original_server(root, version=request.param)
    with original as theirs, layerstore_server(root, workers=2) as ours:
        yield ours, theirs


@pytest.fixture(params=["ours-to-original", "original-to-ours"])
def pair(request: pytest.FixtureRequest, both: tuple[Server, Server]) -> Pair:
    ours, original = both
    from_ours = request.param == "ours-to-original"
    return Pair(ours, original) if from_ours else Pair(original, ours)


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository of the test's own, in whichever direction it runs."""
    name: str = request.node.name
    return "interop/" + "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")

"""What the tests with real programs share: content, a server, a home for each client.

Imported by the conftest of every folder that uses it. LAYERSTORE_CLIENTS_AGAINST=original lets the
same tests run against Debian's docker-registry, which tells a fault of ours from one of a client;
with `s3`, `gcs` or `azure` they run against two instances of ours on one bucket.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.content import Contents, NoPackages, make_contents
from tests.daemons import docker_daemon
from tests.instances import instances
from tests.object_storage.clouds import cloud_instances
from tests.processes import short_folder, tail
from tests.programs.catalogue import PROGRAMS
from tests.programs.finding import programs_are_required, version
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server, original_server

AGAINST_VARIABLE = "LAYERSTORE_CLIENTS_AGAINST"


@pytest.fixture(scope="session")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    """The content that clients push; skips on a machine that has no packages to make it of."""
    folder = tmp_path_factory.getbasetemp() / "contents"
    try:
        return make_contents(folder)
    except NoPackages as missing:
        message = f"content is made of Debian's packages: {missing}"
        if programs_are_required():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """The server under test, on the storage folder `root`."""
    match os.environ.get(AGAINST_VARIABLE):
        case "original":
            with original_server(root) as running:
                yield running
        case "s3":
            with instances(root) as several:
                yield several.front
        case "gcs" | "azure" as cloud:
            with cloud_instances(root, cloud) as front:
                yield front
        case _:
            with layerstore_server(root) as running:
                yield running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the whole run; tests keep apart by the names of their repositories."""
    with serving(tmp_path_factory.mktemp("registry") / "storage") as running:
        yield running


@pytest.fixture(autouse=True)
def log_of_server(server: Server) -> Iterator[None]:
    """Prints what the server logged during the test; pytest shows it when the test fails."""
    before = server.log.stat().st_size
    yield
    print(tail(server.log, since=before))


@pytest.fixture
def home() -> Iterator[Path]:
    """A home directory without anybody's settings or credentials.

    Its path is short: podman takes none of more than 50 bytes for its own run folder.
    """
    with short_folder("home") as folder:
        yield folder


def installed_versions() -> list[str]:
    """One line for each program of the catalogue, with its version or how to get it."""
    return [f"{program.name}: {version(program) or program.hint}" for program in PROGRAMS]


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """The client of a Docker daemon that lives as long as the run."""
    with docker_daemon(tmp_path_factory.mktemp("docker")) as client:
        yield client

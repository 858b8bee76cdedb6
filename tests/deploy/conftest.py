"""The image, built once for all tests that look at it or run it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.image.build import build
from tests.clients.content import Content, Contents
from tests.clients.fixtures import contents, home
from tests.clients.logins import podman_tool
from tests.daemons import docker_daemon, need_root, unmount_below
from tests.deploy.engines import Engine, docker_engine, podman_engine
from tests.processes import short_folder
from tests.programs import need

__all__ = ["contents", "home"]

TAG = "tried"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `make image` writes."""
    for program in ("python3", "busybox", "update-ca-certificates"):
        need(program)
    target = tmp_path_factory.mktemp("image") / "layerstore.tar"
    build(target, TAG)
    return target


@pytest.fixture(scope="session")
def podman(archive: Path) -> Iterator[Engine]:
    """Podman, with the image in its storage."""
    need("podman")
    need_root("running containers")
    with short_folder("podman") as folder:
        engine = podman_engine(podman_tool(folder, "overlay"))
        engine.tool.run("load", "--quiet", "--input", archive)
        try:
            yield engine
        finally:
            unmount_below(folder)


@pytest.fixture(scope="session")
def docker(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Docker, with the image in its storage."""
    with docker_daemon(tmp_path_factory.mktemp("docker"), "overlay2") as tool:
        tool.run("load", "--quiet", "--input", archive)
        yield docker_engine(tool)


@pytest.fixture(params=["podman", "docker"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def content(contents: Contents) -> Content:
    """A small image."""
    return contents.small

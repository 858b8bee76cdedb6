"""The Docker daemon pushes and pulls, and tells a person what is wrong.

The daemon keeps layers unpacked and compresses them in its own way, so what is compared is the
configuration and the tar file of every layer. It cannot delete: that goes over HTTP.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import DOCKER_LIST
from tests.clients.registry_reader import RegistryReader
from tests.clients.saved_image import assert_saved_same
from tests.programs.tool import Tool
from tests.servers import Server


def load_and_push(
    docker: Tool, content: Content, server: Server, name: str, folder: Path
) -> RegistryReader:
    reference = f"{server.host}/{name}:{TAG}"
    docker.run("load", "--input", content.docker_archive(folder / "load.tar", reference))
    docker.run("push", reference)
    return RegistryReader(server.host, name)


def forget(docker: Tool, reference: str) -> None:
    docker.run("rmi", "--force", reference)


def test_what_docker_pushes_it_pulls_the_same(
    docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/docker/image:{TAG}"
    reader = load_and_push(docker, contents.image, server, "docker/image", tmp_path)
    reader.assert_unpacks_to(contents.image, TAG)
    forget(docker, reference)
    docker.run("pull", reference)
    docker.run("save", "--output", tmp_path / "saved.tar", reference)
    assert_saved_same(tmp_path / "saved.tar", contents.image)
    forget(docker, reference)


def test_docker_pulls_by_digest_what_it_pushed(
    docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reader = load_and_push(docker, contents.small, server, "docker/digest", tmp_path)
    digest = reader.manifest(TAG).headers["docker-content-digest"]
    forget(docker, f"{server.host}/docker/digest:{TAG}")
    docker.run("pull", f"{server.host}/docker/digest@{digest}")
    told = docker.run("inspect", "--format={{.Id}}", f"{server.host}/docker/digest@{digest}")
    assert told.strip() == contents.small.document()["config"]["digest"]


def test_docker_pushes_a_manifest_list_and_pulls_one_architecture_of_it(
    docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reader = load_and_push(docker, contents.small, server, "docker/list", tmp_path)
    here = f"{server.host}/docker/list"
    docker.run("manifest", "create", "--insecure", f"{here}:all", f"{here}:{TAG}")
    docker.run("manifest", "push", "--insecure", f"{here}:all")
    pushed = reader.manifest("all")
    assert pushed.headers["content-type"] == DOCKER_LIST
    assert [one["platform"]["architecture"] for one in pushed.json()["manifests"]] == ["amd64"]
    forget(docker, f"{here}:{TAG}")
    docker.run("pull", f"{here}:all")
    told = docker.run("inspect", "--format={{.Id}}", f"{here}:all")
    assert told.strip() == contents.small.document()["config"]["digest"]


def test_docker_finds_the_layers_of_another_repository_there(
    docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    load_and_push(docker, contents.small, server, "docker/from", tmp_path)
    target = f"{server.host}/docker/to:{TAG}"
    docker.run("tag", f"{server.host}/docker/from:{TAG}", target)
    assert "Mounted from docker/from" in docker.run("push", target)
    RegistryReader(server.host, "docker/to").assert_unpacks_to(contents.small, TAG)


def test_what_was_deleted_docker_pulls_no_more(
    docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reader = load_and_push(docker, contents.small, server, "docker/delete", tmp_path)
    digest = reader.manifest(TAG).headers["docker-content-digest"]
    assert reader.delete("manifests", digest) == 202
    told = docker.refuse("pull", f"{server.host}/docker/delete:{TAG}")
    assert "manifest unknown" in told


@pytest.mark.parametrize("name", ["docker/list:missing", "docker/nowhere:missing"])
def test_docker_says_that_an_image_is_missing(
    name: str, docker: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    load_and_push(docker, contents.small, server, "docker/list", tmp_path)
    told = docker.refuse("pull", f"{server.host}/{name}")
    assert f"manifest for {server.host}/{name} not found" in told

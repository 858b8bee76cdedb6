"""Layerstore and the original behind one address: real clients, whose requests meet either.

Every request of a client goes to the server whose turn it is. Whatever the client did has to be
right in both afterwards, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.raw_upload import RawUpload
from tests.clients.registry_reader import RegistryReader
from tests.daemons import need_root
from tests.interop.one_address import OneAddress, at_random, in_turn, one_address
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

KINDS = ["small", "index", "artifact"]
CHUNKS = 7
CHUNK_BYTES = 700_001


@pytest.fixture
def address(fleet: tuple[Server, Server]) -> Iterator[OneAddress]:
    with one_address(fleet, in_turn()) as address:
        yield address
    assert min(address.asked) > 0, address.asked


@pytest.fixture
def crane(home: Path) -> Tool:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    return Tool(need("crane"), environment=environment)


@pytest.fixture
def skopeo(home: Path) -> Tool:
    return Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home)})


@pytest.fixture
def podman(home: Path) -> Tool:
    need_root("podman with the vfs driver")
    folders = (f"--root={home / 'storage'}", f"--runroot={home / 'run'}")
    quiet = ("--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file")
    environment = {"HOME": str(home), "TMPDIR": str(home)}
    return Tool(need("podman"), options=(*folders, *quiet), environment=environment)


def assert_both_hold(fleet: tuple[Server, Server], name: str, content: Content, *tags: str) -> None:
    """Each of the two serves every byte, under exactly these tags, and lists the repository."""
    for server in fleet:
        reader = RegistryReader(server.host, name)
        for tag in tags:
            reader.assert_holds(content, tag)
        assert own_tags(reader.tags()) == sorted(tags)


def own_tags(tags: list[str]) -> list[str]:
    """Without the lists of referrers that clients keep where they met the original."""
    return sorted(tag for tag in tags if not tag.startswith("sha256-"))


def assert_neither_holds(fleet: tuple[Server, Server], name: str, *references: str) -> None:
    for server in fleet:
        reader = RegistryReader(server.host, name)
        assert [reader.manifest(each).status for each in references] == [404] * len(references)


@pytest.mark.parametrize("kind", KINDS)
def test_crane_pushes_pulls_retags_and_deletes(
    kind: str,
    crane: Tool,
    contents: Contents,
    fleet: tuple[Server, Server],
    address: OneAddress,
    repository: str,
    tmp_path: Path,
) -> None:
    content: Content = getattr(contents, kind)
    name = f"{address.host}/{repository}"
    if kind == "artifact":
        crane.run("push", contents.small.layout.folder, f"{name}@{contents.small.digest}")
    crane.run("push", content.layout.folder, f"{name}:{TAG}")
    crane.run("tag", f"{name}:{TAG}", "again")
    assert_both_hold(fleet, repository, content, TAG, "again")
    crane.run("pull", "--format=oci", f"{name}:again", tmp_path / "pulled")
    content.assert_same(Layout(tmp_path / "pulled"))
    assert own_tags(crane.run("ls", name).split()) == sorted([TAG, "again"])
    assert repository in crane.run("catalog", address.host).split()
    crane.run("delete", f"{name}@{content.digest}")
    assert_neither_holds(fleet, repository, TAG, "again", content.digest)


def test_docker_pushes_and_pulls(
    docker: Tool,
    contents: Contents,
    fleet: tuple[Server, Server],
    address: OneAddress,
    repository: str,
    tmp_path: Path,
) -> None:
    name = f"{address.host}/{repository}:{TAG}"
    docker.run("load", "--input", contents.small.docker_archive(tmp_path / "load.tar", name))
    docker.run("push", name)
    docker.run("rmi", name)
    for server in fleet:
        RegistryReader(server.host, repository).assert_unpacks_to(contents.small, TAG)
    docker.run("pull", name)
    told = docker.run("inspect", "--format={{.Id}}", name)
    docker.run("rmi", name)
    assert told.strip() == contents.small.document()["config"]["digest"]


def test_podman_pushes_and_pulls(
    podman: Tool,
    contents: Contents,
    fleet: tuple[Server, Server],
    address: OneAddress,
    repository: str,
) -> None:
    name = f"{address.host}/{repository}:{TAG}"
    image = podman.run("pull", "--quiet", contents.small.source).strip()
    podman.run("push", "--tls-verify=false", image, f"docker://{name}")
    for server in fleet:
        RegistryReader(server.host, repository).assert_unpacks_to(contents.small, TAG)
    podman.run("rmi", "--all", "--force")
    assert podman.run("pull", "--quiet", "--tls-verify=false", name).strip() == image


def test_skopeo_copies_in_and_out_lists_and_deletes(
    skopeo: Tool,
    contents: Contents,
    fleet: tuple[Server, Server],
    address: OneAddress,
    repository: str,
    tmp_path: Path,
) -> None:
    name = f"docker://{address.host}/{repository}"
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo.run("copy", "--all", *plain, contents.index.source, f"{name}:{TAG}")
    assert_both_hold(fleet, repository, contents.index, TAG)
    skopeo.run("copy", "--all", *plain, f"{name}:{TAG}", f"oci:{tmp_path / 'out'}:{TAG}")
    contents.index.assert_same(Layout(tmp_path / "out"))
    assert json.loads(skopeo.run("list-tags", "--tls-verify=false", name))["Tags"] == [TAG]
    skopeo.run("delete", "--tls-verify=false", f"{name}:{TAG}")
    assert_neither_holds(fleet, repository, TAG, contents.index.digest)


@pytest.mark.parametrize("seed", range(4))
def test_chunks_of_one_upload_meet_either_server(
    seed: int, fleet: tuple[Server, Server], repository: str
) -> None:
    """Every answer's `_state` is taken by whichever server comes next, and so is what it counts."""
    blob = hashlib.shake_256(repository.encode()).digest(CHUNKS * CHUNK_BYTES)
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    with one_address(fleet, at_random(seed)) as address:
        upload = RawUpload(address.host, repository)
        state = upload.begin()
        for at in range(0, len(blob), CHUNK_BYTES):
            state = upload.send(state.location, at, blob[at : at + CHUNK_BYTES])
            assert state.status == 202
            told = upload.state(state.location)
            assert (told.status, told.size) == (204, at + CHUNK_BYTES)
        assert upload.commit(state.location, digest) == 201
    for server in fleet:
        reader = RegistryReader(server.host, repository)
        assert reader.blob_digest(digest) == (digest, len(blob))


@pytest.mark.parametrize("seed", range(2))
def test_an_upload_that_was_cancelled_is_over_for_both(
    seed: int, fleet: tuple[Server, Server], repository: str
) -> None:
    with one_address(fleet, at_random(seed)) as address:
        upload = RawUpload(address.host, repository)
        state = upload.send(upload.begin().location, 0, b"some bytes")
        cancelled = RegistryReader(address.host, repository)
        assert cancelled.ask("DELETE", state.location.split(f"{repository}/", 1)[1]).status == 204
    for server in fleet:
        assert RawUpload(server.host, repository).state(state.location).status == 404


def test_a_tag_that_is_moved_and_moved_back_is_the_same_for_both(
    crane: Tool,
    contents: Contents,
    fleet: tuple[Server, Server],
    repository: str,
) -> None:
    with one_address(fleet, at_random(seed=7)) as address:
        for content in (contents.small, contents.index, contents.small):
            crane.run("push", content.layout.folder, f"{address.host}/{repository}:{TAG}")
            assert_both_hold(fleet, repository, content, TAG)

"""Debian's docker-registry and Layerstore on one folder: each serves what the other was given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.raw_upload import RawUpload
from tests.clients.registry_reader import RegistryReader
from tests.interop.conftest import Pair
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

KINDS = ["image", "index", "artifact"]
CHUNKS = 6
CHUNK_BYTES = 3_000_001


@pytest.fixture
def crane(home: Path) -> Tool:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    return Tool(need("crane"), environment=environment)


@pytest.fixture
def skopeo(home: Path) -> Tool:
    return Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home)})


def push(crane: Tool, contents: Contents, kind: str, server: Server, name: str) -> Content:
    """Push one of the contents, and before it what it needs in its repository."""
    content: Content = getattr(contents, kind)
    if kind == "artifact":
        push(crane, contents, "small", server, name)
    crane.run("push", content.layout.folder, f"{server.host}/{name}:{TAG}")
    return content


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_given_to_one_is_served_by_the_other(
    kind: str, pair: Pair, crane: Tool, contents: Contents, repository: str
) -> None:
    content = push(crane, contents, kind, pair.writer, repository)
    reader = RegistryReader(pair.reader.host, repository)
    reader.assert_holds(content, TAG)
    assert TAG in reader.tags()
    assert reader.tags() == RegistryReader(pair.writer.host, repository).tags()
    assert repository in crane.run("catalog", pair.reader.host).split()


@pytest.mark.parametrize("kind", KINDS)
def test_crane_and_skopeo_pull_from_one_what_was_pushed_to_the_other(
    kind: str,
    pair: Pair,
    crane: Tool,
    skopeo: Tool,
    contents: Contents,
    repository: str,
    tmp_path: Path,
) -> None:
    content = push(crane, contents, kind, pair.writer, repository)
    reference = f"{pair.reader.host}/{repository}:{TAG}"
    crane.run("pull", "--format=oci", reference, tmp_path / "crane")
    content.assert_same(Layout(tmp_path / "crane"))
    copied = f"oci:{tmp_path / 'skopeo'}:{TAG}"
    skopeo.run("copy", "--all", "--src-tls-verify=false", f"docker://{reference}", copied)
    content.assert_same(Layout(tmp_path / "skopeo"))


def test_docker_pulls_from_one_what_it_pushed_to_the_other(
    pair: Pair, docker: Tool, contents: Contents, repository: str, tmp_path: Path
) -> None:
    written = f"{pair.writer.host}/{repository}:{TAG}"
    docker.run("load", "--input", contents.small.docker_archive(tmp_path / "load.tar", written))
    docker.run("push", written)
    docker.run("rmi", written)
    read = f"{pair.reader.host}/{repository}:{TAG}"
    docker.run("pull", read)
    told = docker.run("inspect", "--format={{.Id}}", read)
    docker.run("rmi", read)
    assert told.strip() == contents.small.document()["config"]["digest"]


def test_a_session_goes_back_and_forth_between_the_two(pair: Pair, repository: str) -> None:
    chunks = list(chunks_of(repository))
    turns = cycle((pair.writer, pair.reader))
    state = RawUpload(next(turns).host, repository).begin()
    for chunk, server in zip(chunks, turns, strict=False):
        state = RawUpload(server.host, repository).send(state.location, state.size, chunk)
        assert state.status == 202
    blob = b"".join(chunks)
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert RawUpload(next(turns).host, repository).commit(state.location, digest) == 201
    for server in (pair.writer, pair.reader):
        assert RegistryReader(server.host, repository).blob_digest(digest) == (digest, len(blob))


def test_a_session_with_the_wrong_digest_is_refused_by_the_other(
    pair: Pair, repository: str
) -> None:
    chunk = next(chunks_of(repository))
    begun = RawUpload(pair.writer.host, repository)
    state = begun.send(begun.begin().location, 0, chunk)
    wrong = f"sha256:{hashlib.sha256(b'something else').hexdigest()}"
    assert RawUpload(pair.reader.host, repository).commit(state.location, wrong) == 400
    assert RegistryReader(pair.reader.host, repository).ask("GET", f"blobs/{wrong}").status == 404


def test_what_is_deleted_through_one_is_gone_from_the_other(
    pair: Pair, crane: Tool, contents: Contents, repository: str
) -> None:
    content = push(crane, contents, "small", pair.writer, repository)
    layer = content.document()["layers"][0]["digest"]
    deleting = RegistryReader(pair.writer.host, repository)
    assert deleting.delete("manifests", content.digest) == 202
    assert deleting.delete("blobs", layer) == 202
    looking = RegistryReader(pair.reader.host, repository)
    assert looking.manifest(TAG).status == 404
    assert looking.manifest(content.digest).status == 404
    assert looking.ask("GET", f"blobs/{layer}").status == 404
    assert TAG not in looking.tags()


def test_a_tag_moved_through_one_is_moved_for_the_other(
    pair: Pair, crane: Tool, contents: Contents, repository: str
) -> None:
    push(crane, contents, "small", pair.writer, repository)
    moved = push(crane, contents, "index", pair.reader, repository)
    for server in (pair.writer, pair.reader):
        RegistryReader(server.host, repository).assert_holds(moved, TAG)


def test_a_blob_known_to_one_is_mounted_through_the_other(
    pair: Pair, crane: Tool, contents: Contents, repository: str
) -> None:
    content = push(crane, contents, "small", pair.writer, repository)
    layer = content.document()["layers"][0]["digest"]
    mounting = RegistryReader(pair.reader.host, f"{repository}/mounted")
    assert mounting.ask("POST", f"blobs/uploads/?mount={layer}&from={repository}").status == 201
    looking = RegistryReader(pair.writer.host, f"{repository}/mounted")
    looking.assert_blob(layer, content.layout.blob(layer))


def chunks_of(seed: str) -> Iterator[bytes]:
    """Chunks whose lengths are no multiple of any block."""
    for number in range(CHUNKS):
        yield hashlib.shake_256(f"{seed} {number}".encode()).digest(CHUNK_BYTES + number)

"""Layerstore serves what versions 2.0, 2.1.0, 2.4 and 3.1 left behind: pull, push on, delete.

The trees are made in `trees.py`. That they are right is shown by the originals, which read of them
what they still understand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from layerstore.api.state import StateSealer, UploadState
from layerstore.oci import signed
from tests.interop.trees import SCHEMA1, STARTED, TARSUM, TREES, Kept, Repository, Tree
from tests.servers import ORIGINALS, SECRET, Server, layerstore_server, original_server
from tests.wire.client import Answer, SocketWire
from tests.wire.stock import (
    CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    digest_of,
    image,
    push_blob,
    push_manifest,
)

EVERY_TYPE = {"Accept": ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX))}
_numbers = itertools.count(1)
REST = b"and the second half"


@dataclass(frozen=True)
class Served:
    """A tree, and the server that it is under."""

    tree: Tree
    server: Server

    @property
    def wire(self) -> SocketWire:
        return SocketWire(self.server.host)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with layerstore_server(tmp_path_factory.mktemp("trees") / "root", workers=1) as server:
        yield server


@pytest.fixture(params=TREES)
def served(request: pytest.FixtureRequest, server: Server) -> Served:
    return Served(TREES[request.param](server.root, f"tree/{next(_numbers)}"), server)


def get(wire: SocketWire, name: str, reference: str, method: str = "GET") -> Answer:
    return wire.ask(method, f"/v2/{name}/manifests/{reference}", EVERY_TYPE)


def assert_is(answer: Answer, kept: Kept) -> None:
    """The manifest, byte for byte; of schema 1 the payload, under all its signatures."""
    assert answer.status == 200, (answer, answer.body)
    assert answer.header("docker-content-digest") == kept.digest
    assert answer.header("content-type") == kept.media_type
    if kept.media_type != SCHEMA1:
        assert answer.body == kept.content
        return
    taken = signed.split(answer.body)
    keys = {signed.verify(taken.payload, signature) for signature in taken.signatures}
    assert taken.payload == kept.content
    assert keys == {key.public for key in kept.signers}


def assert_serves(wire: SocketWire, name: str, repository: Repository) -> None:
    for digest, kept in repository.revisions.items():
        assert_is(get(wire, name, digest), kept)
    for tag, digest in repository.tags.items():
        assert_is(get(wire, name, tag), repository.revisions[digest])
    for digest, content in repository.blobs.items():
        answer = wire.ask("GET", f"/v2/{name}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, content)
    listed = wire.ask("GET", f"/v2/{name}/tags/list").json()
    assert listed == {"name": name, "tags": sorted(repository.tags)}


def test_tags_manifests_blobs_and_the_catalog_are_served(served: Served) -> None:
    for name, repository in served.tree.repositories.items():
        assert_serves(served.wire, name, repository)
    listed = served.wire.ask("GET", "/v2/_catalog?n=1000").json()["repositories"]
    own = [name for name in listed if name.startswith(served.tree.name(""))]
    assert sorted(own) == sorted(served.tree.repositories)


def test_heads_tell_what_gets_bring(served: Served) -> None:
    for name, repository in served.tree.repositories.items():
        for reference in (*repository.tags, *repository.revisions):
            whole, head = (get(served.wire, name, reference, how) for how in ("GET", "HEAD"))
            assert (head.status, head.body) == (200, b"")
            for header in ("docker-content-digest", "content-type"):
                assert head.header(header) == whole.header(header)


def test_an_upload_under_way_is_carried_on(served: Served) -> None:
    for name, repository in served.tree.repositories.items():
        for upload_id, begun in repository.uploads.items():
            state = UploadState(name, upload_id, len(begun), STARTED)
            sealed = StateSealer(SECRET.encode()).seal(state)
            whole = begun + REST
            place = f"/v2/{name}/blobs/uploads/{upload_id}?_state={sealed}"
            answer = served.wire.ask("PUT", f"{place}&digest={digest_of(whole)}", body=REST)
            assert answer.status == 201, (answer, answer.body)
            found = served.wire.ask("GET", f"/v2/{name}/blobs/{digest_of(whole)}")
            assert found.body == whole


def test_a_push_on_top_leaves_what_is_there(served: Served) -> None:
    for name, repository in served.tree.repositories.items():
        for content in (CONFIG, LAYER):
            push_blob(served.wire, name, content)
        repository.tags["pushed"] = push_manifest(served.wire, name, "pushed", image())
        repository.revisions[repository.tags["pushed"]] = Kept(OCI_MANIFEST, image())
        assert_serves(served.wire, name, repository)


def test_what_is_deleted_is_gone_and_the_rest_stays(served: Served) -> None:
    wire = served.wire
    for name, repository in served.tree.repositories.items():
        tag, digest = next(iter(repository.tags.items()))
        assert wire.ask("DELETE", f"/v2/{name}/manifests/{digest}").status == 202
        assert [get(wire, name, each).status for each in (tag, digest)] == [404, 404]
        del repository.revisions[digest]
        repository.tags = {t: led for t, led in repository.tags.items() if led != digest}
        assert_serves(wire, name, repository)
        for blob in list(repository.blobs):
            assert wire.ask("DELETE", f"/v2/{name}/blobs/{blob}").status == 202
            assert wire.ask("GET", f"/v2/{name}/blobs/{blob}").status == 404


def test_a_tag_is_deleted_and_its_revision_stays(served: Served) -> None:
    for name, repository in served.tree.repositories.items():
        tag, digest = next(iter(repository.tags.items()))
        assert served.wire.ask("DELETE", f"/v2/{name}/manifests/{tag}").status == 202
        del repository.tags[tag]
        assert_is(get(served.wire, name, digest), repository.revisions[digest])
        assert_serves(served.wire, name, repository)


def understood(version: int, kept: Kept) -> bool:
    """Version 3 dropped schema 1."""
    return version == 2 or kept.media_type != SCHEMA1


@pytest.fixture(scope="module", params=ORIGINALS, ids=lambda version: f"v{version}")
def original(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, Server]]:
    root = tmp_path_factory.mktemp("originals") / "root"
    with original_server(root, version=request.param) as server:
        yield request.param, server


@pytest.mark.parametrize("tree", TREES)
def test_the_originals_read_these_trees_too(tree: str, original: tuple[int, Server]) -> None:
    version, server = original
    made, wire = TREES[tree](server.root, f"tree/{tree}"), SocketWire(server.host)
    for name, repository in made.repositories.items():
        listed = wire.ask("GET", f"/v2/{name}/tags/list").json()
        assert sorted(listed["tags"]) == sorted(repository.tags)
        for tag, digest in repository.tags.items():
            kept = repository.revisions[digest]
            if understood(version, kept):
                answer = get(wire, name, tag)
                assert (answer.status, answer.header("docker-content-digest")) == (200, digest)
                assert kept.media_type == SCHEMA1 or answer.body == kept.content
        for digest, content in repository.blobs.items():
            if digest != TARSUM:
                assert wire.ask("GET", f"/v2/{name}/blobs/{digest}").body == content

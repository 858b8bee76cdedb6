"""What a client is told of content as it lies in the storage: by the original, damaged, elsewhere.

The folder is written with the registry's own names of paths, beside a running server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from layerstore.api.dispatch import Api
from layerstore.api.options import LIST_BYTES_MAX, ApiOptions
from layerstore.auth.access import OpenAuthority
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    RevisionLink,
    TagCurrent,
    tags_folder,
)
from layerstore.storage.memory import MemoryDriver
from tests.edge import Served, serving
from tests.fakes import FakeClock
from tests.processes import wait_until
from tests.servers import Server, layerstore_server
from tests.wire.client import SocketWire, Wire
from tests.wire.stock import (
    CONFIG,
    LAYER,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    image,
    index,
    push_blob,
    push_manifest,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with layerstore_server(tmp_path_factory.mktemp("storage") / "root", workers=1) as server:
        yield server


@pytest.fixture
def asked(server: Server) -> Wire:
    return SocketWire(server.host)


def lay(server: Server, files: Mapping[str, bytes]) -> None:
    """Write files as the original does, which leaves nothing else behind."""
    for path, content in files.items():
        place = server.root / path.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def data_of(server: Server, content: bytes) -> Path:
    """Where the data of a blob lies."""
    return server.root / BlobData(Digest.of(content)).path.removeprefix("/")


def test_a_blob_whose_data_is_gone_is_not_there_and_that_is_reported(
    server: Server, asked: Wire, repo: str
) -> None:
    """Bug museum 22: never a 200 with a body that breaks off."""
    content = f"the data of {repo}".encode()
    digest = push_blob(asked, repo, content)
    data_of(server, content).unlink()
    for method in ("HEAD", "GET"):
        assert asked.ask(method, f"/v2/{repo}/blobs/{digest}").status == 404
    wait_until(lambda: digest in server.log.read_text(), what="the loss is reported")
    push_blob(asked, repo, content)
    assert asked.ask("GET", f"/v2/{repo}/blobs/{digest}").body == content


def test_a_manifest_of_no_bytes_is_never_served_as_one(
    server: Server, asked: Wire, repo: str
) -> None:
    """Bug museum 5: what a full disk left behind is mended by the next push."""
    content = index(annotations={"in": repo})
    digest = push_manifest(asked, repo, "latest", content)
    data_of(server, content).write_bytes(b"")
    for reference in ("latest", digest):
        answer = asked.ask("GET", f"/v2/{repo}/manifests/{reference}")
        assert (answer.status, answer.codes) == (404, ["MANIFEST_UNKNOWN"])
    push_manifest(asked, repo, "latest", content)
    assert asked.ask("GET", f"/v2/{repo}/manifests/latest").body == content


def test_a_tag_whose_revision_is_not_linked_leads_nowhere(
    server: Server, asked: Wire, repo: str
) -> None:
    content = index(annotations={"in": repo})
    digest = Digest.of(content)
    tag = TagCurrent(Name(repo), Tag("half"))
    lay(server, {BlobData(digest).path: content, tag.path: digest.encode()})
    answer = asked.ask("GET", f"/v2/{repo}/manifests/half")
    assert (answer.status, answer.codes) == (404, ["MANIFEST_UNKNOWN"])


def test_an_alias_of_the_original_is_read_and_never_leads_astray(
    server: Server, asked: Wire, repo: str
) -> None:
    """Decisions 3: a link under sha512 whose text is the sha256 digest."""
    content = f"aliased in {repo}".encode()
    canonical, alias = Digest.of(content), Digest.of(content, "sha512")
    name = Name(repo)
    lay(server, {BlobData(canonical).path: content})
    lay(server, {LayerLink(name, digest).path: canonical.encode() for digest in (canonical, alias)})
    for digest in (canonical, alias):
        answer = asked.ask("GET", f"/v2/{repo}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, content)
        assert answer.header("docker-content-digest") == digest


def test_a_manifest_that_2_1_0_linked_among_the_layers_is_found(
    server: Server, asked: Wire, repo: str
) -> None:
    """Registry-facts §0.8."""
    content = index(annotations={"by": "2.1.0"})
    digest, name = Digest.of(content), Name(repo)
    misplaced, tag = LayerLink(name, digest), TagCurrent(name, Tag("old"))
    links = {place.path: digest.encode() for place in (misplaced, tag)}
    lay(server, {BlobData(digest).path: content, **links})
    for reference in ("old", digest):
        assert asked.ask("GET", f"/v2/{repo}/manifests/{reference}").body == content


def test_a_referrer_that_the_original_stored_is_found_by_its_fallback_tag(
    server: Server, asked: Wire, repo: str
) -> None:
    """Decisions 4: it has no entry of ours. When it goes, the list under the tag follows."""
    for content in (CONFIG, LAYER):
        push_blob(asked, repo, content)
    subject = digest_of(image())
    referrer = image(subject=descriptor(image(), OCI_MANIFEST))
    digest = Digest.of(referrer)
    lay(server, {BlobData(digest).path: referrer})
    lay(server, {RevisionLink(Name(repo), digest).path: digest.encode()})
    tag = subject.replace(":", "-")
    push_manifest(asked, repo, tag, index(descriptor(referrer, OCI_MANIFEST)))

    def listed() -> list[str]:
        found = asked.ask("GET", f"/v2/{repo}/referrers/{subject}").json()["manifests"]
        return [entry["digest"] for entry in found]

    assert listed() == [digest]
    assert asked.ask("DELETE", f"/v2/{repo}/manifests/{digest}").status == 202
    assert listed() == []
    assert asked.ask("GET", f"/v2/{repo}/manifests/{tag}").status == 404


MANY = 33_000
TAG_LENGTH = 128


def test_a_list_of_tags_is_cut_at_four_mebibytes(server: Server, asked: Wire, repo: str) -> None:
    """Nobody set a number: the whole list comes, or a Link to what is missing."""
    folder = server.root / tags_folder(Name(repo)).removeprefix("/")
    tags = [f"{number:0{TAG_LENGTH}}" for number in range(MANY)]
    for tag in tags:
        (folder / tag).mkdir(parents=True)
    first = asked.ask("GET", f"/v2/{repo}/tags/list")
    assert LIST_BYTES_MAX - 2 * TAG_LENGTH < len(first.body) < LIST_BYTES_MAX + 2 * TAG_LENGTH
    found = first.json()["tags"]
    rest = asked.ask("GET", f"/v2/{repo}/tags/list?last={found[-1]}")
    assert first.header("link") == f'</v2/{repo}/tags/list?last={found[-1]}>; rel="next"'
    assert rest.header("link") is None
    assert found + rest.json()["tags"] == tags


class Elsewhere(MemoryDriver):
    """A storage that clients may read themselves."""

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        return f"https://store.example{path}?for={method}&seconds={lifetime_s}"


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Served]:
    registry = LocalRegistry(Elsewhere(FakeClock()), ProcessLocks(), FakeClock())
    api = Api(registry, OpenAuthority(), ApiOptions(secret=b"a secret"))
    async with serving(api.handle) as server:
        yield server


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_is_sent_to_a_storage_that_it_may_read(method: str) -> None:
    digest = Digest.of(LAYER)
    async with elsewhere() as server:
        push = f"/v2/a/blobs/uploads/?digest={digest}"
        assert (await server.ask(push, method="POST", body=LAYER)).status == 201
        answer = await server.ask(f"/v2/a/blobs/{digest}", method=method)
    assert (answer.status, answer.body) == (307, b"")
    expected = f"https://store.example{BlobData(digest).path}?for={method}&seconds=1200"
    assert answer.headers["location"] == expected
    assert answer.headers["docker-content-digest"] == digest

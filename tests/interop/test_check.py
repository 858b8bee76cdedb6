"""The original reads and collects a damaged tree of ours once `layerstore check` has mended it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    LayersKeep,
    ReferrerLink,
    RevisionLink,
    TagCurrent,
    layers_folder,
)
from tests.clients.content import TAG, Contents
from tests.clients.registry_reader import RegistryReader
from tests.interop.test_collection_by_original import collect, crane, empty_index, push_tagged
from tests.interop.test_original import skopeo
from tests.programs.tool import Tool
from tests.servers import layerstore_server, original_server

__all__ = ["crane", "skopeo"]

PROGRAM = Path(sys.executable).with_name("layerstore")
KEPT = Name("kept/small")
LONELY = Name("lonely/index")


@pytest.fixture
def root(crane: Tool, contents: Contents, tmp_path: Path) -> Path:
    """A storage with an image, an index of two, and an index of nothing."""
    storage = tmp_path / "storage"
    index = empty_index(tmp_path / "empty")
    with layerstore_server(storage) as server:
        push_tagged(crane, contents, server.host, "small", contents.small)
        push_tagged(crane, contents, server.host, "index", contents.index)
        crane.run("push", index.layout.folder, f"{server.host}/{LONELY}:{TAG}")
    return storage


def check(root: Path, *words: str) -> int:
    """The exit status of one run."""
    command: list[str | Path] = [PROGRAM, "check", "--data", root, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode


def damage(root: Path, contents: Contents) -> None:
    """Links that a power loss emptied, a folder that went, an entry of nothing."""
    digest = Digest.parse(contents.small.digest)
    layer = Digest.parse(contents.small.blobs[0]["digest"])
    for link in (
        TagCurrent(KEPT, Tag(TAG)),
        RevisionLink(KEPT, digest),
        LayerLink(KEPT, layer),
    ):
        (root / link.path[1:]).write_bytes(b"")
    (root / LayersKeep(LONELY).path[1:]).unlink()
    (root / layers_folder(LONELY)[1:]).rmdir()
    stale = root / ReferrerLink(KEPT, layer, layer).path[1:]
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"sha2")


def test_the_original_serves_and_collects_what_was_mended(root: Path, contents: Contents) -> None:
    damage(root, contents)
    assert check(root) == 1
    assert check(root, "--repair") == 0
    assert check(root) == 0
    collect(root)
    with original_server(root) as server:
        RegistryReader(server.host, KEPT).assert_holds(contents.small, TAG)
        RegistryReader(server.host, "kept/index").assert_holds(contents.index, TAG)
        assert RegistryReader(server.host, LONELY).tags() == [TAG]


def test_a_push_to_the_original_heals_what_was_put_aside(
    root: Path, skopeo: Tool, contents: Contents
) -> None:
    """With a client that asks for each blob; crane pushes nothing where the manifest is there."""
    digest = contents.small.blobs[0]["digest"]
    data = root / BlobData(Digest.parse(digest)).path[1:]
    data.write_bytes(b"spoilt")
    assert check(root, "--repair") == 1
    with original_server(root) as server:
        assert RegistryReader(server.host, KEPT).ask("GET", f"blobs/{digest}").status == 404
        target = f"docker://{server.host}/{KEPT}:{TAG}"
        skopeo.run("copy", "--dest-tls-verify=false", contents.small.source, target)
        RegistryReader(server.host, KEPT).assert_holds(contents.small, TAG)
    assert check(root) == 0

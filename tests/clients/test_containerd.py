"""containerd, through ctr, keeps every byte as it came: pushed, pulled and exported unchanged.

It cannot delete from a registry: that goes over HTTP.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.registry_reader import RegistryReader
from tests.daemons import containerd_daemon
from tests.programs.tool import Tool
from tests.servers import Server


@pytest.fixture(scope="module")
def ctr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    with containerd_daemon(tmp_path_factory.mktemp("containerd")) as client:
        yield client


def load_and_push(
    ctr: Tool, content: Content, server: Server, name: str, folder: Path
) -> RegistryReader:
    archive = content.layout.to_tar(folder / "load.tar")
    here = f"{server.host}/{name}"
    ctr.run("images", "import", "--all-platforms", "--no-unpack", f"--base-name={here}", archive)
    ctr.run("images", "push", "--plain-http", f"{here}:{TAG}")
    return RegistryReader(server.host, name)


def forget(ctr: Tool, reference: str) -> None:
    ctr.run("images", "remove", "--sync", reference)


def export(ctr: Tool, reference: str, folder: Path) -> Layout:
    archive, target = folder / "exported.tar", folder / "exported"
    ctr.run("images", "export", "--all-platforms", archive, reference)
    with tarfile.open(archive) as exported:
        exported.extractall(target, filter="data")
    return Layout(target)


@pytest.mark.parametrize("kind", ["image", "index"])
def test_what_containerd_pushes_it_pulls_the_same(
    kind: str, ctr: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    content: Content = getattr(contents, kind)
    reference = f"{server.host}/containerd/{kind}:{TAG}"
    reader = load_and_push(ctr, content, server, f"containerd/{kind}", tmp_path)
    reader.assert_holds(content, TAG)
    forget(ctr, reference)
    ctr.run("content", "fetch", "--plain-http", "--all-platforms", reference)
    content.assert_same(export(ctr, reference, tmp_path))
    forget(ctr, reference)


def test_containerd_pulls_and_unpacks(
    ctr: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/containerd/unpacked:{TAG}"
    load_and_push(ctr, contents.small, server, "containerd/unpacked", tmp_path)
    forget(ctr, reference)
    ctr.run("images", "pull", "--plain-http", "--snapshotter=native", reference)
    assert contents.small.digest in ctr.run("images", "list", f"name=={reference}")
    assert contents.small.unpacked_digests()[0] in ctr.run(
        "snapshots", "--snapshotter=native", "ls"
    )


def test_what_was_deleted_containerd_pulls_no_more(
    ctr: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/containerd/delete:{TAG}"
    reader = load_and_push(ctr, contents.small, server, "containerd/delete", tmp_path)
    assert reader.delete("manifests", contents.small.digest) == 202
    forget(ctr, reference)
    assert "not found" in ctr.refuse("images", "pull", "--plain-http", reference)


def test_containerd_says_that_an_image_is_missing(ctr: Tool, server: Server) -> None:
    reference = f"{server.host}/containerd/nowhere:missing"
    told = ctr.refuse("images", "pull", "--plain-http", reference)
    assert f"{reference}: not found" in told

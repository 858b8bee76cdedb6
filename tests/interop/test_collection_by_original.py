"""The original's garbage collector, run for real over our folder, spares what is used."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import OCI_INDEX, Layout
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import layerstore_server, original_server

COLLECTION_SECONDS = 60


@pytest.fixture
def crane(home: Path) -> Tool:
    return Tool(need("crane"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home)})


def collect(root: Path, *options: str) -> str:
    """Run `docker-registry garbage-collect`; answers with what it printed."""
    with original_server(root) as server:
        configuration = server.configuration
    done = subprocess.run(
        [need("docker-registry"), "garbage-collect", *options, configuration],
        capture_output=True,
        text=True,
        timeout=COLLECTION_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def empty_index(folder: Path) -> Content:
    layout = Layout(folder)
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    root = layout.add_document(document)
    layout.name(**{TAG: root})
    return Content(layout, root)


def test_an_index_of_nothing_survives_the_collector(crane: Tool, tmp_path: Path) -> None:
    content = empty_index(tmp_path / "index")
    with layerstore_server(tmp_path / "storage") as server:
        crane.run("push", content.layout.folder, f"{server.host}/lonely/index:{TAG}")
    collect(tmp_path / "storage")
    with layerstore_server(tmp_path / "storage") as server:
        RegistryReader(server.host, "lonely/index").assert_holds(content, TAG)


@pytest.mark.parametrize(
    ("options", "kinds"),
    [((), ("small", "index", "artifact")), (("--delete-untagged",), ("small", "artifact"))],
    ids=["plain", "untagged"],
)
def test_all_that_is_tagged_survives_the_collector(
    options: tuple[str, ...],
    kinds: tuple[str, ...],
    crane: Tool,
    contents: Contents,
    tmp_path: Path,
) -> None:
    """Without indexes in the second run: there the original takes their children for untagged."""
    kept: dict[str, Content] = {kind: getattr(contents, kind) for kind in kinds}
    with layerstore_server(tmp_path / "storage") as server:
        for kind, content in kept.items():
            push_tagged(crane, contents, server.host, kind, content)
    collect(tmp_path / "storage", *options)
    with layerstore_server(tmp_path / "storage") as server:
        for kind, content in kept.items():
            RegistryReader(server.host, f"kept/{kind}").assert_holds(content, TAG)


def test_the_collector_removes_what_was_deleted_here(
    crane: Tool, contents: Contents, tmp_path: Path
) -> None:
    with layerstore_server(tmp_path / "storage") as server:
        push_tagged(crane, contents, server.host, "small", contents.small)
        reader = RegistryReader(server.host, "kept/small")
        assert reader.delete("manifests", contents.small.digest) == 202
    collected = collect(tmp_path / "storage")
    assert contents.small.digest in collected
    stored = (tmp_path / "storage" / "docker/registry/v2/blobs").rglob("data")
    assert list(stored) == []


def push_tagged(crane: Tool, contents: Contents, host: str, kind: str, content: Content) -> None:
    if kind == "artifact":
        crane.run("push", contents.small.layout.folder, f"{host}/kept/{kind}:subject")
    crane.run("push", content.layout.folder, f"{host}/kept/{kind}:{TAG}")

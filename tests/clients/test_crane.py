"""crane pushes, pulls, copies and deletes, for any kind of content that a layout can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server


@pytest.fixture
def crane(home: Path) -> Tool:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    return Tool(need("crane"), environment=environment)


def push(crane: Tool, content: Content, server: Server, name: str) -> RegistryReader:
    crane.run("push", content.layout.folder, f"{server.host}/{name}:{TAG}")
    return RegistryReader(server.host, name)


def pull(crane: Tool, server: Server, name: str, folder: Path) -> Layout:
    crane.run("pull", "--format=oci", f"{server.host}/{name}:{TAG}", folder)
    return Layout(folder)


@pytest.mark.parametrize("kind", ["image", "index"])
def test_what_crane_pushes_it_pulls_the_same(
    kind: str, crane: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    content: Content = getattr(contents, kind)
    push(crane, content, server, f"crane/{kind}").assert_holds(content, TAG)
    content.assert_same(pull(crane, server, f"crane/{kind}", tmp_path / "pulled"))


def test_crane_pushes_an_artifact_whose_subject_is_there(
    crane: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    push(crane, contents.small, server, "crane/artifact")
    push(crane, contents.artifact, server, "crane/artifact").assert_holds(contents.artifact, TAG)
    contents.artifact.assert_same(pull(crane, server, "crane/artifact", tmp_path / "pulled"))


def test_crane_copies_from_one_repository_to_another(
    crane: Tool, contents: Contents, server: Server
) -> None:
    push(crane, contents.index, server, "crane/from")
    crane.run("copy", f"{server.host}/crane/from:{TAG}", f"{server.host}/crane/to:again")
    RegistryReader(server.host, "crane/to").assert_holds(contents.index, "again")


def test_crane_lists_tags_and_repositories(crane: Tool, contents: Contents, server: Server) -> None:
    push(crane, contents.small, server, "crane/listed")
    crane.run("tag", f"{server.host}/crane/listed:{TAG}", "second")
    assert crane.run("ls", f"{server.host}/crane/listed").split() == sorted([TAG, "second"])
    assert "crane/listed" in crane.run("catalog", server.host).split()


def test_crane_tells_the_digest_and_the_manifest(
    crane: Tool, contents: Contents, server: Server
) -> None:
    push(crane, contents.index, server, "crane/told")
    reference = f"{server.host}/crane/told:{TAG}"
    assert crane.run("digest", reference).strip() == contents.index.digest
    stored = contents.index.layout.blob(contents.index.digest).read_text()
    assert crane.run("manifest", reference).rstrip("\n") == stored


def test_what_crane_deletes_is_gone_with_its_tags(
    crane: Tool, contents: Contents, server: Server
) -> None:
    reader = push(crane, contents.small, server, "crane/delete")
    crane.run("delete", f"{server.host}/crane/delete@{contents.small.digest}")
    assert reader.manifest(contents.small.digest).status == 404
    assert reader.tags() == []


@pytest.mark.parametrize("reference", ["crane/told:missing", "crane/nowhere:missing"])
def test_crane_says_that_an_image_is_missing(
    reference: str, crane: Tool, contents: Contents, server: Server
) -> None:
    push(crane, contents.small, server, "crane/told")
    told = crane.refuse("manifest", f"{server.host}/{reference}")
    assert "MANIFEST_UNKNOWN" in told or "NAME_UNKNOWN" in told

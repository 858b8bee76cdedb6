"""oras copies graphs of artifacts, attaches, discovers and deletes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.content import ARTIFACT_TYPE, TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server


@pytest.fixture
def oras(home: Path) -> Tool:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    return Tool(need("oras"), environment=environment)


def push(oras: Tool, content: Content, server: Server, name: str) -> RegistryReader:
    source = f"{content.layout.folder}:{TAG}"
    target = f"{server.host}/{name}:{TAG}"
    oras.run("cp", "--from-oci-layout", source, "--to-plain-http", target)
    return RegistryReader(server.host, name)


def pull(oras: Tool, reference: str, folder: Path, *options: str) -> Layout:
    target = f"{folder}:{TAG}"
    oras.run("cp", *options, "--from-plain-http", reference, "--to-oci-layout", target)
    return Layout(folder)


@pytest.mark.parametrize("kind", ["image", "index", "artifact"])
def test_what_oras_copies_in_comes_out_the_same(
    kind: str, oras: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    content: Content = getattr(contents, kind)
    push(oras, content, server, f"oras/{kind}").assert_holds(content, TAG)
    pulled = pull(oras, f"{server.host}/oras/{kind}:{TAG}", tmp_path / "pulled")
    content.assert_same(pulled, with_subjects=True)


def test_oras_discovers_an_artifact_and_copies_it_with_its_subject(
    oras: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    push(oras, contents.artifact, server, "oras/referrers")
    subject = f"{server.host}/oras/referrers@{contents.small.digest}"
    told = oras.run("discover", "--plain-http", "--format=json", subject)
    [found] = json.loads(told)["referrers"]
    assert (found["digest"], found["artifactType"]) == (contents.artifact.digest, ARTIFACT_TYPE)
    pulled = pull(oras, subject, tmp_path / "pulled", "--recursive")
    contents.artifact.assert_same(pulled, with_subjects=True)


def test_what_oras_attaches_it_pulls_the_same(
    oras: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    push(oras, contents.small, server, "oras/attach")
    (tmp_path / "note.txt").write_text("looked at and found good\n")
    there = replace(oras, folder=tmp_path)
    attach = ("attach", "--plain-http", "--format=json", "--artifact-type", ARTIFACT_TYPE)
    told = there.run(*attach, f"{server.host}/oras/attach:{TAG}", "note.txt:text/plain")
    attached = f"{server.host}/oras/attach@{json.loads(told)['digest']}"
    oras.run("pull", "--plain-http", "--output", tmp_path / "pulled", attached)
    assert (tmp_path / "pulled" / "note.txt").read_text() == "looked at and found good\n"


def test_oras_lists_tags_and_repositories(oras: Tool, contents: Contents, server: Server) -> None:
    push(oras, contents.small, server, "oras/listed")
    oras.run("tag", "--plain-http", f"{server.host}/oras/listed:{TAG}", "second")
    tags = oras.run("repo", "tags", "--plain-http", f"{server.host}/oras/listed")
    assert tags.split() == sorted([TAG, "second"])
    assert "oras/listed" in oras.run("repo", "ls", "--plain-http", server.host).split()


def test_what_oras_deletes_is_gone(oras: Tool, contents: Contents, server: Server) -> None:
    reader = push(oras, contents.small, server, "oras/delete")
    here = f"{server.host}/oras/delete"
    layer = contents.small.document()["layers"][0]["digest"]
    oras.run("manifest", "delete", "--plain-http", "--force", f"{here}@{contents.small.digest}")
    oras.run("blob", "delete", "--plain-http", "--force", f"{here}@{layer}")
    assert reader.manifest(TAG).status == 404
    assert reader.ask("GET", f"blobs/{layer}").status == 404


@pytest.mark.parametrize("reference", ["oras/listed:missing", "oras/nowhere:missing"])
def test_oras_says_that_an_image_is_missing(
    reference: str, oras: Tool, contents: Contents, server: Server
) -> None:
    push(oras, contents.small, server, "oras/listed")
    told = oras.refuse("manifest", "fetch", "--plain-http", f"{server.host}/{reference}")
    assert "not found" in told

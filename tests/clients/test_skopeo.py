"""skopeo copies into and out of the registry, lists, and deletes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.layout import Layout
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

COPY = ("copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false")


@pytest.fixture
def skopeo(home: Path) -> Tool:
    return Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home)})


def push(skopeo: Tool, content: Content, server: Server, name: str) -> RegistryReader:
    skopeo.run(*COPY, content.source, f"docker://{server.host}/{name}:{TAG}")
    return RegistryReader(server.host, name)


def pull(skopeo: Tool, server: Server, name: str, folder: Path) -> Layout:
    skopeo.run(*COPY, f"docker://{server.host}/{name}:{TAG}", f"oci:{folder}:{TAG}")
    return Layout(folder)


@pytest.mark.parametrize("kind", ["image", "index"])
def test_what_skopeo_copies_in_comes_out_the_same(
    kind: str, skopeo: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    content: Content = getattr(contents, kind)
    push(skopeo, content, server, f"skopeo/{kind}").assert_holds(content, TAG)
    content.assert_same(pull(skopeo, server, f"skopeo/{kind}", tmp_path / "pulled"))


def test_skopeo_copies_an_artifact_whose_subject_is_there(
    skopeo: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    push(skopeo, contents.small, server, "skopeo/artifact")
    push(skopeo, contents.artifact, server, "skopeo/artifact").assert_holds(contents.artifact, TAG)
    contents.artifact.assert_same(pull(skopeo, server, "skopeo/artifact", tmp_path / "pulled"))


def test_skopeo_copies_from_one_repository_to_another(
    skopeo: Tool, contents: Contents, server: Server
) -> None:
    push(skopeo, contents.index, server, "skopeo/from")
    there = f"docker://{server.host}/skopeo"
    skopeo.run(*COPY, f"{there}/from:{TAG}", f"{there}/to:again")
    RegistryReader(server.host, "skopeo/to").assert_holds(contents.index, "again")


def test_skopeo_lists_the_tags(skopeo: Tool, contents: Contents, server: Server) -> None:
    push(skopeo, contents.small, server, "skopeo/tags")
    listed = skopeo.run("list-tags", "--tls-verify=false", f"docker://{server.host}/skopeo/tags")
    assert json.loads(listed)["Tags"] == [TAG]


def test_what_skopeo_deletes_is_gone(skopeo: Tool, contents: Contents, server: Server) -> None:
    reader = push(skopeo, contents.small, server, "skopeo/delete")
    skopeo.run("delete", "--tls-verify=false", f"docker://{server.host}/skopeo/delete:{TAG}")
    assert reader.manifest(TAG).status == 404
    assert reader.manifest(contents.small.digest).status == 404


@pytest.mark.parametrize("reference", ["skopeo/tags:missing", "skopeo/nowhere:missing"])
def test_skopeo_says_that_an_image_is_missing(
    reference: str, skopeo: Tool, contents: Contents, server: Server
) -> None:
    push(skopeo, contents.small, server, "skopeo/tags")
    told = skopeo.refuse("inspect", "--tls-verify=false", f"docker://{server.host}/{reference}")
    assert "manifest unknown" in told or "name unknown" in told

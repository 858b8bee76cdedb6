"""regctl copies images and their referrers, lists, deletes tags and manifests."""

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
def regctl(home: Path, server: Server) -> Tool:
    environment = {"HOME": str(home), "REGCTL_CONFIG": str(home / "regctl.json")}
    tool = Tool(need("regctl"), environment=environment)
    tool.run("registry", "set", "--tls=disabled", server.host)
    return tool


def push(regctl: Tool, content: Content, server: Server, name: str) -> RegistryReader:
    source = f"ocidir://{content.layout.folder}:{TAG}"
    regctl.run("image", "copy", source, f"{server.host}/{name}:{TAG}")
    return RegistryReader(server.host, name)


def pull(regctl: Tool, reference: str, folder: Path, *options: str) -> Layout:
    regctl.run("image", "copy", *options, reference, f"ocidir://{folder}:{TAG}")
    return Layout(folder)


@pytest.mark.parametrize("kind", ["image", "index"])
def test_what_regctl_copies_in_comes_out_the_same(
    kind: str, regctl: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    content: Content = getattr(contents, kind)
    push(regctl, content, server, f"regctl/{kind}").assert_holds(content, TAG)
    pulled = pull(regctl, f"{server.host}/regctl/{kind}:{TAG}", tmp_path / "pulled")
    content.assert_same(pulled)


def test_regctl_finds_an_artifact_and_copies_it_with_its_subject(
    regctl: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    push(regctl, contents.small, server, "regctl/artifact")
    push(regctl, contents.artifact, server, "regctl/artifact").assert_holds(contents.artifact, TAG)
    subject = f"{server.host}/regctl/artifact@{contents.small.digest}"
    told = regctl.run("artifact", "list", "--format={{jsonPretty .}}", subject)
    assert contents.artifact.digest in told
    pulled = pull(regctl, subject, tmp_path / "pulled", "--referrers")
    contents.artifact.assert_same(pulled, with_subjects=True)


def test_regctl_copies_from_one_repository_to_another(
    regctl: Tool, contents: Contents, server: Server
) -> None:
    push(regctl, contents.index, server, "regctl/from")
    here = f"{server.host}/regctl"
    regctl.run("image", "copy", f"{here}/from:{TAG}", f"{here}/to:again")
    RegistryReader(server.host, "regctl/to").assert_holds(contents.index, "again")


def test_regctl_lists_tags_and_repositories(
    regctl: Tool, contents: Contents, server: Server
) -> None:
    push(regctl, contents.small, server, "regctl/listed")
    assert regctl.run("tag", "ls", f"{server.host}/regctl/listed").split() == [TAG]
    assert "regctl/listed" in regctl.run("repo", "ls", server.host).split()


def test_regctl_deletes_a_tag_and_leaves_the_other(
    regctl: Tool, contents: Contents, server: Server
) -> None:
    reader = push(regctl, contents.small, server, "regctl/untag")
    here = f"{server.host}/regctl/untag"
    regctl.run("image", "copy", f"{here}:{TAG}", f"{here}:second")
    regctl.run("tag", "delete", f"{here}:second")
    assert reader.tags() == [TAG]
    reader.assert_holds(contents.small, TAG)


def test_what_regctl_deletes_is_gone(regctl: Tool, contents: Contents, server: Server) -> None:
    reader = push(regctl, contents.small, server, "regctl/delete")
    here = f"{server.host}/regctl/delete"
    layer = contents.small.document()["layers"][0]["digest"]
    regctl.run("manifest", "delete", f"{here}@{contents.small.digest}")
    regctl.run("blob", "delete", here, layer)
    assert reader.manifest(TAG).status == 404
    assert reader.ask("GET", f"blobs/{layer}").status == 404


@pytest.mark.parametrize("reference", ["regctl/listed:missing", "regctl/nowhere:missing"])
def test_regctl_says_that_an_image_is_missing(
    reference: str, regctl: Tool, contents: Contents, server: Server
) -> None:
    push(regctl, contents.small, server, "regctl/listed")
    told = regctl.refuse("manifest", "get", f"{server.host}/{reference}")
    assert "not found" in told

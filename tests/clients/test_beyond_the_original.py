"""What the specification offers and the original lacks, used by real programs.

Referrers, tags that are deleted alone, several tags in one push, chunks, digests of other
algorithms. Most of it fails against docker-registry.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.content import ARTIFACT_TYPE, TAG, Contents
from tests.clients.layout import Layout
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

BY_API = "--distribution-spec=v1.1-referrers-api"
BY_TAG = "--distribution-spec=v1.1-referrers-tag"
CHUNK_BYTES = 1 << 20


@pytest.fixture
def crane(home: Path) -> Tool:
    return Tool(need("crane"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home)})


@pytest.fixture
def oras(home: Path, tmp_path: Path) -> Tool:
    (tmp_path / "note.txt").write_text("looked at and found good\n")
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home)}
    return Tool(need("oras"), environment=environment, folder=tmp_path)


@pytest.fixture
def regctl(home: Path, server: Server) -> Tool:
    environment = {"HOME": str(home), "REGCTL_CONFIG": str(home / "regctl.json")}
    tool = Tool(need("regctl"), environment=environment)
    tool.run("registry", "set", "--tls=disabled", server.host)
    return tool


def attach(oras: Tool, how: str, subject: str, artifact_type: str = ARTIFACT_TYPE) -> str:
    """Attach a note to `subject`; answers with its digest."""
    options = ("--plain-http", "--format=json", how, f"--artifact-type={artifact_type}")
    told = json.loads(oras.run("attach", *options, subject, "note.txt:text/plain"))
    digest: str = told["digest"]
    return digest


def discover(oras: Tool, subject: str, *options: str) -> list[str]:
    """The digests of what refers to `subject`, as the referrers API tells them."""
    told = oras.run("discover", "--plain-http", "--format=json", BY_API, *options, subject)
    return sorted(one["digest"] for one in json.loads(told).get("referrers") or [])


def test_an_attached_note_is_found_by_the_api_and_makes_no_tag(
    crane: Tool, oras: Tool, contents: Contents, server: Server
) -> None:
    subject = f"{server.host}/beyond/attached:{TAG}"
    crane.run("push", contents.small.layout.folder, subject)
    note = attach(oras, BY_API, subject)
    other = attach(oras, BY_API, subject, "application/vnd.example.other")
    assert discover(oras, subject) == sorted([note, other])
    assert discover(oras, subject, f"--artifact-type={ARTIFACT_TYPE}") == [note]
    assert RegistryReader(server.host, "beyond/attached").tags() == [TAG]


def test_a_note_attached_by_a_client_that_writes_the_fallback_tag_is_found_by_the_api(
    crane: Tool, oras: Tool, contents: Contents, server: Server
) -> None:
    subject = f"{server.host}/beyond/fallback:{TAG}"
    crane.run("push", contents.small.layout.folder, subject)
    by_tag, by_api = attach(oras, BY_TAG, subject), attach(oras, BY_API, subject, "text/other")
    assert discover(oras, subject) == sorted([by_tag, by_api])


def test_a_deleted_note_is_found_no_more(
    crane: Tool, oras: Tool, contents: Contents, server: Server
) -> None:
    here = f"{server.host}/beyond/detached"
    crane.run("push", contents.small.layout.folder, f"{here}:{TAG}")
    note = attach(oras, BY_API, f"{here}:{TAG}")
    oras.run("manifest", "delete", "--plain-http", "--force", f"{here}@{note}")
    assert discover(oras, f"{here}:{TAG}") == []


def test_an_artifact_may_be_pushed_before_its_subject(
    crane: Tool, oras: Tool, contents: Contents, server: Server
) -> None:
    here = f"{server.host}/beyond/early"
    crane.run("push", contents.artifact.layout.folder, f"{here}:artifact")
    crane.run("push", contents.small.layout.folder, f"{here}:{TAG}")
    assert discover(oras, f"{here}:{TAG}") == [contents.artifact.digest]


def test_a_tag_is_deleted_alone(crane: Tool, contents: Contents, server: Server) -> None:
    here = f"{server.host}/beyond/untagged"
    crane.run("push", contents.small.layout.folder, f"{here}:{TAG}")
    crane.run("tag", f"{here}:{TAG}", "second")
    crane.run("delete", f"{here}:second")
    reader = RegistryReader(server.host, "beyond/untagged")
    assert reader.tags() == [TAG]
    reader.assert_holds(contents.small, TAG)


def test_oras_pushes_one_manifest_with_several_tags(
    crane: Tool, oras: Tool, contents: Contents, server: Server
) -> None:
    here = f"{server.host}/beyond/tags"
    crane.run("push", contents.small.layout.folder, f"{here}:{TAG}")
    manifest = contents.small.layout.blob(contents.small.digest)
    oras.run("manifest", "push", "--plain-http", f"{here}:one,two,three", manifest)
    reader = RegistryReader(server.host, "beyond/tags")
    assert reader.tags() == sorted([TAG, "one", "three", "two"])
    reader.assert_holds(contents.small, "two")


def test_regctl_reads_the_tags_page_by_page(
    crane: Tool, regctl: Tool, contents: Contents, server: Server
) -> None:
    here = f"{server.host}/beyond/pages"
    for tag in ("a", "b", "c"):
        crane.run("push", contents.small.layout.folder, f"{here}:{tag}")
    assert regctl.run("tag", "ls", "--limit=2", here).split() == ["a", "b"]
    assert regctl.run("tag", "ls", "--limit=2", "--last=b", here).split() == ["c"]


def test_regctl_pushes_in_chunks(regctl: Tool, contents: Contents, server: Server) -> None:
    chunked = (f"--blob-max={CHUNK_BYTES}", f"--blob-chunk={CHUNK_BYTES}")
    regctl.run("registry", "set", "--tls=disabled", *chunked, server.host)
    source = f"ocidir://{contents.image.layout.folder}:{TAG}"
    regctl.run("image", "copy", source, f"{server.host}/beyond/chunks:{TAG}")
    RegistryReader(server.host, "beyond/chunks").assert_holds(contents.image, TAG)


def test_an_image_with_sha512_digests_comes_back_the_same(
    regctl: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    there, here = tmp_path / "made", tmp_path / "pulled"
    source = f"ocidir://{contents.small.layout.folder}:{TAG}"
    regctl.run("image", "copy", source, f"ocidir://{there}:sha256")
    making = ("image", "mod", "--digest-algo=sha512", f"--create=ocidir://{there}:sha512")
    regctl.run(*making, f"ocidir://{there}:sha256")
    reference = f"{server.host}/beyond/sha512:{TAG}"
    regctl.run("image", "copy", f"ocidir://{there}:sha512", reference)
    digest = regctl.run("image", "digest", reference).strip()
    assert digest.startswith("sha512:")
    regctl.run("image", "copy", reference, f"ocidir://{here}:sha512")
    assert Layout(here).blob(digest).read_bytes() == Layout(there).blob(digest).read_bytes()
    served = RegistryReader(server.host, "beyond/sha512").manifest(TAG)
    assert served.headers["docker-content-digest"] == digest

"""From the original to Layerstore and back: `diff -r` shows what was pushed, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.registry_reader import RegistryReader
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import ORIGINALS, Server, layerstore_server, original_server

DIFF_SECONDS = 60
NAMES = {"small": "round/trip", "index": "round/trip/index", "artifact": "round/artifact"}


@pytest.fixture
def crane(home: Path) -> Tool:
    environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
    return Tool(need("crane"), environment=environment)


def differences(before: Path, after: Path) -> list[str]:
    """The lines of `diff -r`, with the names of the two folders left out."""
    done = subprocess.run(
        ["diff", "-r", before, after],
        capture_output=True,
        text=True,
        timeout=DIFF_SECONDS,
        check=False,
    )
    assert done.returncode < 2, done.stderr
    told = done.stdout.replace(str(before), "before").replace(str(after), "after")
    return told.splitlines()


def snapshot(root: Path, name: str) -> Path:
    copy = root.with_name(name)
    shutil.copytree(root, copy)
    return copy


def files(root: Path) -> set[str]:
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


def push(crane: Tool, contents: Contents, kind: str, server: Server) -> None:
    content: Content = getattr(contents, kind)
    name = f"{server.host}/{NAMES[kind]}"
    if kind == "artifact":
        crane.run("push", contents.small.layout.folder, f"{name}:subject")
    crane.run("push", content.layout.folder, f"{name}:{TAG}")


def assert_serves(contents: Contents, server: Server, *kinds: str) -> None:
    for kind in kinds:
        RegistryReader(server.host, NAMES[kind]).assert_holds(getattr(contents, kind), TAG)


def written_by_a_push(name: str, content: Content, *tags: str) -> set[str]:
    """Every file that the layout wants for a content, from the facts about it."""
    found = set()
    v2 = "docker/registry/v2"
    for part in (*content.blobs, *content.manifests):
        _, hexadecimal = part["digest"].split(":")
        found.add(f"{v2}/blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data")
    repository = f"{v2}/repositories/{name}"
    for blob in content.blobs:
        found.add(f"{repository}/_layers/{blob['digest'].replace(':', '/')}/link")
    for manifest in content.manifests:
        place = manifest["digest"].replace(":", "/")
        found.add(f"{repository}/_manifests/revisions/{place}/link")
    root = content.digest.replace(":", "/")
    for tag in tags:
        found.add(f"{repository}/_manifests/tags/{tag}/current/link")
        found.add(f"{repository}/_manifests/tags/{tag}/index/{root}/link")
    return found


@pytest.mark.parametrize("version", ORIGINALS)
def test_there_and_back_again(
    version: int, crane: Tool, contents: Contents, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    with original_server(root, version=version) as server:
        push(crane, contents, "small", server)
    there = snapshot(root, "there")
    with layerstore_server(root, workers=1) as server:
        assert_serves(contents, server, "small")
        assert differences(there, root) == ["Only in after: layerstore"]
        push(crane, contents, "index", server)
    written = files(root / "docker") - files(there / "docker")
    expected = written_by_a_push(NAMES["index"], contents.index, TAG)
    assert {f"docker/{file}" for file in written} == expected - files(there)
    assert all(line.startswith("Only in after") for line in differences(there, root))

    back = snapshot(root, "back")
    with original_server(root, version=version) as server:
        assert_serves(contents, server, "small", "index")
        assert differences(back, root) == []
        push(crane, contents, "artifact", server)
    assert all(line.startswith("Only in after") for line in differences(back, root))

    again = snapshot(root, "again")
    with layerstore_server(root, workers=1) as server:
        assert_serves(contents, server, "small", "index", "artifact")
    assert differences(again, root) == []


@pytest.mark.parametrize("version", ORIGINALS)
def test_the_same_pushes_make_the_same_tree(
    version: int, crane: Tool, contents: Contents, tmp_path: Path
) -> None:
    with original_server(tmp_path / "theirs", version=version) as server:
        push(crane, contents, "small", server)
        push(crane, contents, "index", server)
        crane.run("tag", f"{server.host}/{NAMES['index']}:{TAG}", "again")
    with layerstore_server(tmp_path / "ours", workers=1) as server:
        push(crane, contents, "small", server)
        push(crane, contents, "index", server)
        crane.run("tag", f"{server.host}/{NAMES['index']}:{TAG}", "again")
    assert differences(tmp_path / "theirs", tmp_path / "ours") == ["Only in after: layerstore"]


def test_what_is_ours_beside_it_is_told_by_the_storage_layout(
    crane: Tool, contents: Contents, tmp_path: Path
) -> None:
    """An artifact with a subject: the original's clients keep a list, Layerstore an entry."""
    with original_server(tmp_path / "theirs") as server:
        push(crane, contents, "artifact", server)
    with layerstore_server(tmp_path / "ours", workers=1) as server:
        push(crane, contents, "artifact", server)
    ours, theirs = files(tmp_path / "ours" / "docker"), files(tmp_path / "theirs" / "docker")
    assert all("/_manifests/referrers/sha256/" in file for file in ours - theirs)
    assert len(ours - theirs) == 1
    subject = contents.small.digest.replace(":", "-")
    lists = [file for file in theirs - ours if "/blobs/" not in file and "/revisions/" not in file]
    assert lists != []
    assert all(f"/_manifests/tags/{subject}/" in file for file in lists)


@pytest.mark.parametrize("version", ORIGINALS)
def test_the_same_deletes_leave_the_same_tree(
    version: int, crane: Tool, contents: Contents, tmp_path: Path
) -> None:
    """But for the empty file that keeps `_layers` on storage without folders."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    layer = contents.small.document()["layers"][0]["digest"]
    serving = (original_server(theirs, version=version), layerstore_server(ours, workers=1))
    for starting in serving:
        with starting as server:
            push(crane, contents, "small", server)
            push(crane, contents, "index", server)
            reader = RegistryReader(server.host, NAMES["small"])
            assert reader.delete("manifests", contents.small.digest) == 202
            assert reader.delete("blobs", layer) == 202
            others = RegistryReader(server.host, NAMES["index"])
            assert others.delete("manifests", contents.index.digest) == 202
    layers = f"after/docker/registry/v2/repositories/{NAMES['small']}/_layers"
    expected = {f"Only in {layers}: keep", "Only in after: layerstore"}
    assert set(differences(theirs, ours)) == expected

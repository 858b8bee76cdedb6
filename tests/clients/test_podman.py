"""podman pushes and pulls. It keeps layers unpacked, and it cannot delete from a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.content import TAG, Content, Contents
from tests.clients.registry_reader import RegistryReader
from tests.clients.saved_image import assert_saved_same
from tests.daemons import need_root
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

PLAIN = "--tls-verify=false"


@pytest.fixture
def podman(home: Path) -> Tool:
    need_root("podman with the vfs driver")
    return Tool(
        need("podman"),
        options=(
            f"--root={home / 'storage'}",
            f"--runroot={home / 'run'}",
            "--storage-driver=vfs",
            "--cgroup-manager=cgroupfs",
            "--events-backend=file",
        ),
        environment={"HOME": str(home), "TMPDIR": str(home)},
    )


def load(podman: Tool, content: Content) -> str:
    """Take the image in from its layout; answers with its id."""
    return podman.run("pull", "--quiet", content.source).strip()


def test_what_podman_pushes_it_pulls_the_same(
    podman: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/podman/image:{TAG}"
    podman.run("push", PLAIN, load(podman, contents.image), f"docker://{reference}")
    RegistryReader(server.host, "podman/image").assert_unpacks_to(contents.image, TAG)
    podman.run("rmi", "--all", "--force")
    podman.run("pull", PLAIN, reference)
    saved = tmp_path / "saved.tar"
    podman.run("save", "--format=docker-archive", f"--output={saved}", reference)
    assert_saved_same(saved, contents.image)


def test_podman_pushes_an_index_of_two_architectures(
    podman: Tool, contents: Contents, server: Server
) -> None:
    reference = f"{server.host}/podman/index:{TAG}"
    podman.run("manifest", "create", "both")
    podman.run("manifest", "add", "--all", "both", contents.index.source)
    podman.run("manifest", "push", "--all", PLAIN, "both", f"docker://{reference}")
    pushed = RegistryReader(server.host, "podman/index").manifest(TAG).json()["manifests"]
    expected = contents.index.document()["manifests"]
    assert [one["digest"] for one in pushed] == [one["digest"] for one in expected]
    arm64 = podman.run("pull", "--quiet", PLAIN, "--arch=arm64", reference).strip()
    child = contents.index.layout.document(expected[1]["digest"])
    assert f"sha256:{arm64}" == child["config"]["digest"]


def test_what_was_deleted_podman_pulls_no_more(
    podman: Tool, contents: Contents, server: Server
) -> None:
    reference = f"{server.host}/podman/delete:{TAG}"
    podman.run("push", PLAIN, load(podman, contents.small), f"docker://{reference}")
    reader = RegistryReader(server.host, "podman/delete")
    digest = reader.manifest(TAG).headers["docker-content-digest"]
    assert reader.delete("manifests", digest) == 202
    assert "manifest unknown" in podman.refuse("pull", PLAIN, reference)


def test_podman_says_that_an_image_is_missing(podman: Tool, server: Server) -> None:
    told = podman.refuse("pull", PLAIN, f"{server.host}/podman/nowhere:missing")
    assert "manifest unknown" in told or "name unknown" in told

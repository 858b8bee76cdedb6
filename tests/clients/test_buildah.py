"""buildah builds an image, pushes and pulls it. It cannot delete from a registry."""

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
def buildah(home: Path) -> Tool:
    need_root("buildah with the vfs driver")
    return Tool(
        need("buildah"),
        options=(f"--root={home / 'storage'}", f"--runroot={home / 'run'}", "--storage-driver=vfs"),
        environment={"HOME": str(home), "TMPDIR": str(home), "BUILDAH_ISOLATION": "chroot"},
    )


def load(buildah: Tool, content: Content) -> str:
    """Take the image in from its layout; answers with its id."""
    return buildah.run("pull", "--quiet", content.source).strip()


def save(buildah: Tool, reference: str, target: Path) -> Path:
    buildah.run("push", reference, f"docker-archive:{target}:{reference}")
    return target


def test_what_buildah_pushes_it_pulls_the_same(
    buildah: Tool, contents: Contents, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/buildah/image:{TAG}"
    buildah.run("push", PLAIN, load(buildah, contents.image), f"docker://{reference}")
    RegistryReader(server.host, "buildah/image").assert_unpacks_to(contents.image, TAG)
    buildah.run("rmi", "--all", "--force")
    buildah.run("pull", PLAIN, reference)
    assert_saved_same(save(buildah, reference, tmp_path / "saved.tar"), contents.image)


def test_an_image_built_here_comes_back_with_the_same_configuration(
    buildah: Tool, server: Server, tmp_path: Path
) -> None:
    reference = f"{server.host}/buildah/built:{TAG}"
    (tmp_path / "greeting").write_text("good morning\n")
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY greeting /greeting\n")
    buildah.run("build", "--tag", reference, tmp_path)
    built = buildah.run("images", "--quiet", "--no-trunc", reference).strip()
    buildah.run("push", PLAIN, reference)
    pushed = RegistryReader(server.host, "buildah/built").manifest(TAG).json()
    assert pushed["config"]["digest"] == built
    buildah.run("rmi", "--all", "--force")
    assert f"sha256:{buildah.run('pull', '--quiet', PLAIN, reference).strip()}" == built


def test_buildah_pushes_an_index_of_two_architectures(
    buildah: Tool, contents: Contents, server: Server
) -> None:
    reference = f"{server.host}/buildah/index:{TAG}"
    buildah.run("manifest", "create", "both")
    buildah.run("manifest", "add", "--all", "both", contents.index.source)
    buildah.run("manifest", "push", "--all", PLAIN, "both", f"docker://{reference}")
    pushed = RegistryReader(server.host, "buildah/index").manifest(TAG).json()["manifests"]
    expected = contents.index.document()["manifests"]
    assert [one["digest"] for one in pushed] == [one["digest"] for one in expected]


def test_what_was_deleted_buildah_pulls_no_more(
    buildah: Tool, contents: Contents, server: Server
) -> None:
    reference = f"{server.host}/buildah/delete:{TAG}"
    buildah.run("push", PLAIN, load(buildah, contents.small), f"docker://{reference}")
    reader = RegistryReader(server.host, "buildah/delete")
    digest = reader.manifest(TAG).headers["docker-content-digest"]
    assert reader.delete("manifests", digest) == 202
    assert "manifest unknown" in buildah.refuse("pull", PLAIN, reference)


def test_buildah_says_that_an_image_is_missing(buildah: Tool, server: Server) -> None:
    told = buildah.refuse("pull", PLAIN, f"{server.host}/buildah/nowhere:missing")
    assert "manifest unknown" in told or "name unknown" in told

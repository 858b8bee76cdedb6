"""The container image: what it says of itself, and run as registry:2 and registry:3 are run."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.image.build import USER
from layerstore import __version__
from tests.clients.content import Content
from tests.clients.logins import crane
from tests.deploy.engines import Engine, folder_of_root
from tests.processes import wait_until
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server

HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
PATHS = ("/etc/docker/registry/config.yml", "/etc/distribution/config.yml")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Layerstore on this machine, to which the image is pushed."""
    with layerstore_server(tmp_path_factory.mktemp("registry") / "storage") as server:
        yield server


def described(archive: Path) -> dict[str, Any]:
    """The configuration that the archive's image has."""
    with tarfile.open(archive) as files:
        manifest = files.extractfile("manifest.json")
        assert manifest
        config = files.extractfile(json.load(manifest)[0]["Config"])
        assert config
        document: dict[str, Any] = json.load(config)["config"]
        return document


def test_the_image_is_run_as_the_original_is_but_not_as_root(archive: Path) -> None:
    config = described(archive)
    assert config["User"] == f"{USER}:{USER}"
    assert (config["Entrypoint"], config["Cmd"]) == (["/entrypoint.sh"], [PATHS[0]])
    assert config["ExposedPorts"] == {"5000/tcp": {}}
    assert config["Volumes"] == {"/var/lib/registry": {}}
    assert config["Labels"]["org.opencontainers.image.version"] == __version__


def test_the_image_is_pushed_to_layerstore_pulled_and_run_from_there(
    engine: Engine, registry: Server, content: Content, home: Path
) -> None:
    """And what is pushed to it is still there when its container is another one."""
    reference = f"{registry.host}/tools/layerstore:{__version__}"
    volume = f"--volume=kept-{__version__}:/var/lib/registry"
    engine.push(engine.image, reference)
    engine.forget(reference, engine.image)
    engine.pull(reference)
    engine.tool.run("tag", reference, engine.image)
    with engine.serving(volume, *HARDENED, image=reference) as container:
        crane(home, container.host).push(content, f"{container.host}/own:1")
        assert container.execute("id", "-u").strip() == str(USER)
        assert container.stop() == 0
    assert engine.run("registry", "repository", "list", options=(volume,)) == "own\n"


def test_copied_to_layerstore_the_image_keeps_its_digest(
    archive: Path, registry: Server, home: Path
) -> None:
    skopeo = Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home)})
    options = ("--preserve-digests", "--dest-tls-verify=false")
    name = f"{registry.host}/tools/copied:tried"
    skopeo.run("copy", *options, f"oci-archive:{archive}", f"docker://{name}")
    with tarfile.open(archive) as files:
        index = files.extractfile("index.json")
        assert index
        digest = json.load(index)["manifests"][0]["digest"]
    told = skopeo.run("inspect", "--tls-verify=false", f"docker://{name}")
    assert json.loads(told)["Digest"] == digest


@pytest.mark.parametrize("path", PATHS)
def test_a_configuration_is_mounted_where_either_version_of_the_original_has_it(
    path: str, podman: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "config.yml"
    file.write_text("{version: 0.1, storage: inmemory, http: {addr: ':5001'}}")
    mounted = (f"--volume={file}:{path}:ro",)
    for asked in PATHS:
        shown = podman.run("config", "show", "--json", asked, options=mounted)
        assert json.loads(shown)["http"]["addr"] == ":5001"


def test_what_stands_after_the_name_is_understood_as_the_original_does(podman: Engine) -> None:
    version = f"registry layerstore {__version__}\n"
    assert podman.run("--version") == version
    assert podman.run("registry", "--version") == version
    assert podman.run("/bin/registry", "--version") == version
    assert (
        podman.run("sh", "-c", "echo $0 && wget --help >/dev/null 2>&1 && id -u") == f"sh\n{USER}\n"
    )
    assert "ID=debian" in podman.run("cat", "/etc/os-release")
    assert "nothing was collected" in podman.refuse("garbage-collect", PATHS[0])
    assert "Examples" in podman.run("purge-uploads", "--help")
    assert "no such file" in podman.refuse("serve", "/elsewhere.yml")
    assert "no such file" in podman.refuse("/elsewhere.yml")


def test_a_volume_that_root_filled_is_refused_with_what_to_do(
    podman: Engine, tmp_path: Path
) -> None:
    folder = folder_of_root(tmp_path / "of-root")
    mounted = f"--volume={folder}:/var/lib/registry"
    told = podman.refuse(options=(mounted,))
    assert f"/var/lib/registry belongs to user {os.getuid()} and cannot be written" in told
    assert f"chown -R {USER}:{USER} /var/lib/registry" in told
    podman.run("chown", "-R", f"{USER}:{USER}", "/var/lib/registry", options=(mounted, "--user=0"))
    with podman.serving(mounted):
        assert (folder / "layerstore").stat().st_uid == USER


def test_the_image_serves_as_root_and_as_any_user(podman: Engine, tmp_path: Path) -> None:
    folder = folder_of_root(tmp_path / "of-root")
    with podman.serving(f"--volume={folder}:/var/lib/registry", "--user=0"):
        assert (folder / "layerstore").stat().st_uid == 0
    folder.chmod(0o777)
    for below in folder.rglob("*"):
        below.chmod(0o777)
    with podman.serving(f"--volume={folder}:/var/lib/registry", "--user=1234:1234") as container:
        assert container.execute("id", "-u").strip() == "1234"


def test_docker_sees_that_the_registry_is_well(docker: Engine, tmp_path: Path) -> None:
    """The check finds out by itself what the server was started with, and where it listens."""
    file = tmp_path / "config.yml"
    file.write_text("{version: 0.1, storage: inmemory}")
    mounted = (f"--volume={file}:{PATHS[1]}:ro", "--health-interval=1s")
    with docker.serving(*mounted, arguments=(PATHS[1],)) as container:
        health = ("inspect", "--format", "{{.State.Health.Status}}", container.name)
        wait_until(lambda: docker.tool.run(*health).strip() == "healthy", "it is healthy")

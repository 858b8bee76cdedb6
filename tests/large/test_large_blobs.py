"""A blob of 6 GiB goes in and out, through crane and through the Docker daemon."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clients.layout import OCI_CONFIG, OCI_MANIFEST, Layout
from tests.clients.registry_reader import RegistryReader
from tests.large.large_layer import LargeLayer
from tests.processes import memory_bytes
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server

LAYER = LargeLayer("large", 6 << 30)
OCI_PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"
TRANSFER_SECONDS = 1200
TEST_SECONDS = 2400
GROWTH_BYTES_MAX = 256 << 20

pytestmark = pytest.mark.timeout(TEST_SECONDS)


@pytest.fixture(scope="session")
def layer_digest() -> str:
    hasher = hashlib.sha256()
    for piece in LAYER.pieces():
        hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """An image of the large layer, as a folder; removed after the test."""
    layout = Layout(tmp_path / "layout")
    layout.folder.mkdir()
    with (layout.folder / "layer").open("wb") as file:
        file.writelines(LAYER.pieces())
    layer = layout.adopt(layout.folder / "layer", OCI_PLAIN_LAYER)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layout.add(json.dumps(config).encode(), OCI_CONFIG),
        "layers": [layer],
    }
    layout.name(large=layout.add_document(manifest))
    yield layout
    layout.blob(layer["digest"]).unlink()


def test_six_gigabytes_go_through_crane_and_memory_does_not_grow_with_them(
    layout: Layout, layer_digest: str, server: Server, home: Path
) -> None:
    crane = Tool(need("crane"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home)})
    before = memory_bytes(server.process.pid)
    crane.run("push", layout.folder, f"{server.host}/large/crane:v1", seconds=TRANSFER_SECONDS)
    pulled = digest_of_output(
        [crane.path, "blob", f"{server.host}/large/crane@{layer_digest}"], crane.environment
    )
    assert pulled == layer_digest
    assert memory_bytes(server.process.pid) - before < GROWTH_BYTES_MAX


def test_six_gigabytes_go_through_the_docker_daemon(
    docker: Tool, layer_digest: str, server: Server
) -> None:
    reference = f"{server.host}/large/docker:v1"
    image = docker_import(docker, reference)
    docker.run("push", reference, seconds=TRANSFER_SECONDS)
    docker.run("rmi", reference)
    docker.run("pull", reference, seconds=TRANSFER_SECONDS)
    told = docker.run("inspect", "--format={{.Id}} {{json .RootFS.Layers}}", reference)
    docker.run("rmi", reference)
    assert told.split() == [image, json.dumps([layer_digest])]
    reader = RegistryReader(server.host, "large/docker")
    [layer] = reader.manifest("v1").json()["layers"]
    assert reader.blob_digest(layer["digest"]) == (layer["digest"], layer["size"])


def docker_import(docker: Tool, reference: str) -> str:
    """Make an image of the large layer in the daemon, while it is made; answers with its id."""
    command = [str(docker.path), *docker.options, "import", "-", reference]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(docker.environment)
    ) as importing:
        assert importing.stdin is not None
        assert importing.stdout is not None
        importing.stdin.writelines(LAYER.pieces())
        importing.stdin.close()
        image = importing.stdout.read().decode().strip()
    assert importing.returncode == 0
    return image


def digest_of_output(command: list[str | Path], environment: Mapping[str, str]) -> str:
    """The digest of what a program prints, read in pieces."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as printing:
        assert printing.stdout is not None
        digest = hashlib.file_digest(printing.stdout, "sha256")  # type: ignore[arg-type] # reads only
    assert printing.returncode == 0
    return f"sha256:{digest.hexdigest()}"

"""What the clients push and pull: real files of Debian packages, packed by this code.

An image of several layers that is over 100 MB as it travels, an index of two architectures, an
artifact that has an image as its subject. Made anew in every run; the same machine makes the same.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.layout import (
    MANIFEST_TYPES,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Descriptor,
    Layout,
    is_same_file,
    unpacked_digest,
)

LAYERS = (
    ("coreutils", "bash", "dpkg", "perl-base"),
    ("podman", "buildah"),
    ("containerd",),
    ("docker.io",),
)
"""Which packages' files make a layer: part of every Debian, and what the tests themselves use."""

SMALL_LAYER = ("base-files",)
IMAGE_BYTES_MIN = 100_000_000
COMPRESSION_LEVEL = 1
ARTIFACT_TYPE = "application/vnd.example.packages"
PACKAGE_LIST = "application/vnd.example.packages.list"
TAG = "bookworm"


class NoPackages(Exception):
    """The machine lacks Debian's packages of which the content is made."""


@dataclass(frozen=True)
class Content:
    """One thing to push: everything that is reachable from `root`, in a layout of its own."""

    layout: Layout
    root: Descriptor

    @property
    def digest(self) -> str:
        digest: str = self.root["digest"]
        return digest

    @property
    def manifests(self) -> list[Descriptor]:
        """Manifests and indexes, in an order in which they can be pushed."""
        return [one for one in self._reachable() if one["mediaType"] in MANIFEST_TYPES]

    @property
    def blobs(self) -> list[Descriptor]:
        return [one for one in self._reachable() if one["mediaType"] not in MANIFEST_TYPES]

    @property
    def source(self) -> str:
        """The content as skopeo, podman and buildah name it."""
        return f"oci:{self.layout.folder}:{TAG}"

    def document(self) -> dict[str, Any]:
        return self.layout.document(self.digest)

    def unpacked_digests(self) -> list[str]:
        """The digests of an image's layers before compression, from its configuration."""
        config = self.layout.document(self.document()["config"]["digest"])
        digests: list[str] = config["rootfs"]["diff_ids"]
        return digests

    def assert_same(self, pulled: Layout, *, with_subjects: bool = False) -> None:
        """`pulled` holds this content, byte for byte."""
        for part in self.layout.reachable(self.root, with_subjects=with_subjects):
            there, here = pulled.blob(part["digest"]), self.layout.blob(part["digest"])
            assert there.exists(), f"{part} was not pulled"
            assert is_same_file(there, here), f"{part} differs"

    def bytes_total(self) -> int:
        return sum(one["size"] for one in self._reachable())

    def docker_archive(self, target: Path, name: str) -> Path:
        """The image as one file for `docker load`, which gives it the name `name`."""
        config, layers = self.document()["config"], self.document()["layers"]
        entry = {
            "Config": _file_name(config),
            "RepoTags": [name],
            "Layers": [_file_name(layer) for layer in layers],
        }
        with tarfile.open(target, "w") as archive:
            for part in (config, *layers):
                archive.add(self.layout.blob(part["digest"]), arcname=_file_name(part))
            _add_bytes(archive, "manifest.json", json.dumps([entry]).encode())
        return target

    def _reachable(self) -> list[Descriptor]:
        found = {one["digest"]: one for one in self.layout.reachable(self.root)}
        return list(found.values())


@dataclass(frozen=True)
class Contents:
    """Everything that the tests with real clients push."""

    image: Content
    small: Content
    index: Content
    artifact: Content


@functools.cache
def make_contents(folder: Path) -> Contents:
    """Make the content below `folder`, once a process. Raises NoPackages."""
    image = _image(Layout(folder / "image"), LAYERS)
    if image.bytes_total() < IMAGE_BYTES_MIN:
        raise NoPackages(f"the image has {image.bytes_total()} bytes only")
    small = _image(Layout(folder / "small"), [SMALL_LAYER])
    return Contents(image, small, _index(folder), _artifact(small, folder / "artifact"))


def _image(layout: Layout, layers: Iterable[Iterable[str]], architecture: str = "amd64") -> Content:
    packed = [_layer(layout, list(packages), architecture) for packages in layers]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {"Cmd": ["/bin/bash"], "Labels": {"maker": "layerstore tests"}},
        "rootfs": {
            "type": "layers",
            "diff_ids": [unpacked_digest(layout.blob(one["digest"])) for one in packed],
        },
        "history": [{"created_by": "packages", "created": "2026-01-01T00:00:00Z"} for _ in packed],
        "created": "2026-01-01T00:00:00Z",
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layout.add(json.dumps(config).encode(), OCI_CONFIG),
        "layers": packed,
    }
    return _named(layout, layout.add_document(manifest))


def _index(folder: Path) -> Content:
    layout = Layout(folder / "index")
    children = [
        {
            **_image(layout, [SMALL_LAYER], architecture).root,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture in ("amd64", "arm64")
    ]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    return _named(layout, layout.add_document(index))


def _artifact(subject: Content, folder: Path) -> Content:
    layout = subject.layout.linked_copy(folder)
    packages = "\n".join(SMALL_LAYER).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": layout.add(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [layout.add(packages, PACKAGE_LIST)],
        "subject": subject.root,
        "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
    }
    return _named(layout, layout.add_document(manifest))


def _named(layout: Layout, root: Descriptor) -> Content:
    layout.name(**{TAG: root})
    return Content(layout, root)


def _layer(layout: Layout, packages: list[str], architecture: str) -> Descriptor:
    packed = layout.folder / "layer.tar.gz"
    packed.parent.mkdir(parents=True, exist_ok=True)
    with (
        packed.open("wb") as target,
        gzip.GzipFile("", "wb", COMPRESSION_LEVEL, target, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        _add_bytes(archive, "architecture", architecture.encode())
        for file in sorted(set(_files(packages))):
            archive.add(file, arcname=file.lstrip("/"), recursive=False, filter=_timeless)
    return layout.adopt(packed, OCI_LAYER)


def _files(packages: list[str]) -> Iterator[str]:
    if shutil.which("dpkg") is None:
        raise NoPackages("this machine has no dpkg")
    listing = ["dpkg", "--listfiles", *packages]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise NoPackages(listed.stderr.strip())
    for line in listed.stdout.splitlines():
        if not Path(line).is_dir() and os.path.lexists(line):
            yield line


def _timeless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mtime = entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _file_name(part: Descriptor) -> str:
    encoded: str = part["digest"].partition(":")[2]
    return f"{encoded}.json" if part["mediaType"] == OCI_CONFIG else f"{encoded}.tar.gz"

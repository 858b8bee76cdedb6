"""An image as `docker save` and `podman save` write it: one file of configuration and layers."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from tests.clients.content import Content
from tests.clients.layout import unpacked_stream_digest


def assert_saved_same(archive: Path, content: Content) -> None:
    """The saved image has the configuration of `content`, and layers with the same files."""
    with tarfile.open(archive) as saved:
        [entry] = json.loads(_member(saved, "manifest.json"))
        config = f"sha256:{hashlib.sha256(_member(saved, entry['Config'])).hexdigest()}"
        layers = [_layer_digest(saved, layer) for layer in entry["Layers"]]
    assert config == content.document()["config"]["digest"]
    assert layers == content.unpacked_digests()


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None, f"{name} is not a file"
    return member.read()


def _layer_digest(archive: tarfile.TarFile, name: str) -> str:
    member = archive.extractfile(name)
    assert member is not None, f"{name} is not a file"
    return unpacked_stream_digest(member)

"""An image becomes one file: an OCI layout that `docker load` reads too."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.image.layers import Layer, sha256

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"

Document = Mapping[str, Any]


def image_config(
    config: Document, layers: Sequence[tuple[str, Layer]], architecture: str, epoch: int
) -> dict[str, Any]:
    """The document that describes the image; each layer comes with what made it."""
    moment = datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
    return {
        "created": moment,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer.unpacked for _, layer in layers]},
        "history": [{"created": moment, "created_by": words} for words, _ in layers],
    }


def write(target: Path, config: Document, layers: Sequence[Layer], name: str) -> str:
    """Write the image to `target`, called `name` (with its tag); the manifest's digest."""
    described = _json(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, described),
            "layers": [_descriptor(_LAYER, layer.content) for layer in layers],
        }
    )
    named = {**_descriptor(_MANIFEST, manifest), "annotations": _names(name)}
    for_docker = {
        "Config": _path(described),
        "RepoTags": [name],
        "Layers": [_path(layer.content) for layer in layers],
    }
    blobs = [described, manifest, *(layer.content for layer in layers)]
    files = {_path(blob): blob for blob in blobs} | {
        "index.json": _json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}),
        "manifest.json": _json([for_docker]),
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
    }
    _write_archive(target, files)
    return sha256(manifest)


def _names(name: str) -> dict[str, str]:
    """For containerd, and for all others."""
    return {
        "io.containerd.image.name": f"docker.io/library/{name}",
        "org.opencontainers.image.ref.name": name,
    }


def _write_archive(target: Path, files: Mapping[str, bytes]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.draft")
    with tarfile.open(draft, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path]), 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    draft.replace(target)


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content)}


def _path(content: bytes) -> str:
    return f"blobs/{sha256(content).replace(':', '/')}"


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()

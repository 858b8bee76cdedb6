"""Descriptors and the media types that the registry tells apart."""

from collections.abc import Mapping
from typing import Final

import msgspec

from layerstore.oci.digest import Digest

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
SCHEMA1: Final = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED: Final = "application/vnd.docker.distribution.manifest.v1+prettyjws"

OCTET_STREAM: Final = "application/octet-stream"
JSON: Final = "application/json"

MANIFEST_TYPES: Final = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
"""Every type of manifest that is taken whatever the configuration says (decisions 5)."""

INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_LIST})

DOCKER_FOREIGN_LAYER: Final = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_NONDISTRIBUTABLE_PREFIX: Final = "application/vnd.oci.image.layer.nondistributable.v1."


class Descriptor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What points to content (image specification, Descriptors), in the order of its fields."""

    media_type: str = msgspec.field(name="mediaType")
    digest: Digest
    size: int
    artifact_type: str | None = msgspec.field(default=None, name="artifactType")
    annotations: Mapping[str, str] | None = None

"""A repository with one of everything, pushed over the wire, and its names for tables."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.wire.client import Answer, Wire

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
LAYER = bytes(range(256)) * 8
ABSENT = "sha256:" + "0" * 64


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)} | more


def image(layers: tuple[bytes, ...] = (LAYER,), **more: Any) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, OCI_CONFIG),
        "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
    }
    return json.dumps(document | more).encode()


def docker_image() -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor(CONFIG, DOCKER_CONFIG),
        "layers": [descriptor(LAYER, DOCKER_LAYER)],
    }
    return json.dumps(document).encode()


def index(*children: dict[str, Any], media_type: str = OCI_INDEX, **more: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(children)}
    return json.dumps(document | more).encode()


def platform(architecture: str, variant: str | None = None) -> dict[str, Any]:
    named = {"os": "linux", "architecture": architecture}
    return {"platform": named | ({"variant": variant} if variant else {})}


def push_blob(wire: Wire, name: str, content: bytes, algorithm: str = "sha256") -> str:
    digest = digest_of(content, algorithm)
    answer = wire.ask("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", body=content)
    assert answer.status == 201, answer
    return digest


def put_manifest(wire: Wire, name: str, reference: str, content: bytes) -> Answer:
    media_type = json.loads(content)["mediaType"]
    headers = {"Content-Type": media_type}
    return wire.ask("PUT", f"/v2/{name}/manifests/{reference}", headers, content)


def push_manifest(wire: Wire, name: str, reference: str, content: bytes) -> str:
    answer = put_manifest(wire, name, reference, content)
    assert answer.status == 201, (answer, answer.body)
    return digest_of(content)


class Stock:
    """What is in the repository `name`; `places` holds the words that tables use."""

    def __init__(self, wire: Wire, name: str) -> None:
        self.name = name
        self.config = push_blob(wire, name, CONFIG)
        self.layer = push_blob(wire, name, LAYER)
        self.oci = image()
        self.arm = image(annotations={"for": "arm64"})
        self.docker = docker_image()
        self.index = index(
            descriptor(self.arm, OCI_MANIFEST, **platform("arm64", "v8")),
            descriptor(self.oci, OCI_MANIFEST, **platform("amd64", "v2")),
        )
        self.list = index(
            descriptor(self.docker, DOCKER_MANIFEST, **platform("amd64")), media_type=DOCKER_LIST
        )
        self.only_arm = index(descriptor(self.arm, OCI_MANIFEST, **platform("arm64")))
        tagged = {
            "latest": self.oci,
            "arm": self.arm,
            "docker": self.docker,
            "multi": self.index,
            "list": self.list,
            "only-arm": self.only_arm,
        }
        for tag, content in tagged.items():
            push_manifest(wire, name, tag, content)
        self.tags = sorted(tagged)
        self.places = {
            "repo": name,
            "config": self.config,
            "layer": self.layer,
            "absent": ABSENT,
            "oci": digest_of(self.oci),
            "arm": digest_of(self.arm),
            "docker": digest_of(self.docker),
            "index": digest_of(self.index),
            "list": digest_of(self.list),
        }

"""A push in its single requests, each of which may be refused, and the pull that must fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.wire.stock import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, digest_of

LAYER_BYTES = 10_000


class Asked(NamedTuple):
    """One request: `takes` is the status when all is well."""

    method: str
    target: str
    takes: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Image:
    """An image in the repository `name`, of bytes that no other name's image has."""

    name: str
    layer_bytes: int = LAYER_BYTES

    @property
    def layer(self) -> bytes:
        return (self.name.encode() * (self.layer_bytes // len(self.name) + 1))[: self.layer_bytes]

    @property
    def config(self) -> bytes:
        return json.dumps({"os": "linux", "architecture": "amd64", "of": self.name}).encode()

    @property
    def manifest(self) -> bytes:
        layers = [_descriptor(self.layer, OCI_LAYER)]
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers}
        return json.dumps(document | {"config": _descriptor(self.config, OCI_CONFIG)}).encode()

    @property
    def begin(self) -> Asked:
        return Asked("POST", f"/v2/{self.name}/blobs/uploads/", 202)

    def append(self, location: str, start: int = 0) -> Asked:
        return Asked("PATCH", _target(location), 202, body=self.layer[start:])

    def status(self, location: str) -> Asked:
        return Asked("GET", _target(location), 204)

    def finish(self, location: str) -> Asked:
        return Asked("PUT", f"{_target(location)}&digest={digest_of(self.layer)}", 201)

    @property
    def at_once(self) -> Asked:
        digest = digest_of(self.config)
        target = f"/v2/{self.name}/blobs/uploads/?digest={digest}"
        return Asked("POST", target, 201, body=self.config)

    @property
    def tagged(self) -> Asked:
        return self.tagged_as("latest")

    def tagged_as(self, tag: str) -> Asked:
        kind = (("content-type", OCI_MANIFEST),)
        return Asked("PUT", f"/v2/{self.name}/manifests/{tag}", 201, kind, self.manifest)

    @property
    def pulls(self) -> Iterator[tuple[Asked, bytes]]:
        """Every read, with what it must bring."""
        yield Asked("GET", f"/v2/{self.name}/manifests/latest", 200), self.manifest
        for content in (self.config, self.layer):
            yield Asked("GET", f"/v2/{self.name}/blobs/{digest_of(content)}", 200), content

    @property
    def deletes(self) -> Iterator[Asked]:
        yield Asked("DELETE", f"/v2/{self.name}/manifests/latest", 202)
        yield Asked("DELETE", f"/v2/{self.name}/manifests/{digest_of(self.manifest)}", 202)
        yield Asked("DELETE", f"/v2/{self.name}/blobs/{digest_of(self.layer)}", 202)


def _target(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def _descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

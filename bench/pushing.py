"""A client that pushes: blobs by POST, PATCH and PUT, manifests by PUT, on one connection."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlsplit

from bench.contestants import Running
from bench.load import connect, expect

OCTETS = "application/octet-stream"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
SENT_BYTES = 256 * 1024
_OWN_BYTES = 32


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Bulk:
    """Content like no other: some bytes of its own before a filling that many share."""

    own: bytes
    filling: bytes
    digest: str

    @classmethod
    def made(cls, filling: bytes) -> Bulk:
        own = os.urandom(_OWN_BYTES)
        hashing = hashlib.sha256(own)
        hashing.update(filling)
        return cls(own, filling, f"sha256:{hashing.hexdigest()}")

    @property
    def size(self) -> int:
        return len(self.own) + len(self.filling)

    def pieces(self) -> Iterator[bytes | memoryview]:
        """What a client sends at a time."""
        yield self.own
        rest = memoryview(self.filling)
        for at in range(0, len(rest), SENT_BYTES):
            yield rest[at : at + SENT_BYTES]


class Pusher:
    """Pushes into one repository of a server."""

    def __init__(self, server: Running, repository: str) -> None:
        self._connection: HTTPConnection = connect(server)
        self._repository = repository

    def close(self) -> None:
        self._connection.close()

    def blob(self, bulk: Bulk) -> None:
        """As Docker does it: POST, one PATCH with everything, PUT with the digest."""
        place = self._ask("POST", f"/v2/{self._repository}/blobs/uploads/", 202)
        length = {"Content-Length": str(bulk.size), "Content-Type": OCTETS}
        self._connection.request("PATCH", place, bulk.pieces(), length)
        place = self._answer(202)
        joint = "&" if "?" in place else "?"
        self._ask("PUT", f"{place}{joint}digest={bulk.digest}", 201)

    def image(self, config: Bulk, layers: Sequence[Bulk], tag: str) -> None:
        """The blobs, then the manifest that names them."""
        for bulk in (config, *layers):
            self.blob(bulk)
        self.manifest(manifest_of(config, layers), tag)

    def manifest(self, content: bytes, tag: str) -> None:
        target = f"/v2/{self._repository}/manifests/{tag}"
        self._connection.request("PUT", target, content, {"Content-Type": MANIFEST})
        self._answer(201)

    def _ask(self, method: str, target: str, status: int) -> str:
        self._connection.request(method, target, headers={"Content-Length": "0"})
        return self._answer(status)

    def _answer(self, status: int) -> str:
        response = expect(self._connection.getresponse(), status)
        response.read()
        parts = urlsplit(response.getheader("Location") or "")
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


def manifest_of(config: Bulk, layers: Sequence[Bulk]) -> bytes:
    """An image manifest, version 2, schema 2."""

    def described(bulk: Bulk, media_type: str) -> dict[str, object]:
        return {"mediaType": media_type, "size": bulk.size, "digest": bulk.digest}

    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(config, _CONFIG),
        "layers": [described(layer, _LAYER) for layer in layers],
    }
    return json.dumps(manifest, indent=3).encode("ascii")

"""One of everything that Layerstore stores, pushed over the wire, and what of it is garbage.

Every content has bytes of its own, so that what a collector removed is seen file by file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerstore.oci import signed
from tests.unit.oci.signers import document, host, payload
from tests.wire.client import SocketWire
from tests.wire.stock import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    index,
    platform,
)

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
SCHEMA1_ON = {"compatibility": {"schema1": {"enabled": True}}}


@dataclass
class Everything:
    """What was pushed: to be served for good, and to be removed by a collector."""

    wire: SocketWire
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    garbage: set[str] = field(default_factory=set)
    untagged: set[tuple[str, str]] = field(default_factory=set)
    signatures: set[str] = field(default_factory=set)

    def blob(self, name: str, content: bytes, algorithm: str = "sha256") -> str:
        digest = digest_of(content, algorithm)
        target = f"/v2/{name}/blobs/uploads/?digest={digest}"
        assert self.wire.ask("POST", target, body=content).status == 201
        self.blobs[name, digest] = content
        return digest

    def manifest(
        self,
        name: str,
        content: bytes,
        tag: str | None = None,
        *,
        media_type: str = OCI_MANIFEST,
        algorithm: str = "sha256",
    ) -> str:
        digest = digest_of(content, algorithm)
        target = f"/v2/{name}/manifests/{digest}" + (f"?tag={tag}" if tag else "")
        answer = self.wire.ask("PUT", target, {"Content-Type": media_type}, content)
        assert answer.status == 201, (answer, answer.body)
        self.manifests[name, digest] = content
        if tag is None:
            self.untagged.add((name, digest))
        else:
            self.tags[name, tag] = digest
        return digest

    def image(self, name: str, what: str, *, layers: int = 1, **more: Any) -> bytes:
        """An image whose blobs are pushed and whose manifest is not."""
        config = json.dumps({"os": "linux", "of": f"{name} {what}"}).encode()
        contents = [f"layer {number} of {name} {what}".encode() for number in range(layers)]
        for content in (config, *contents):
            self.blob(name, content)
        whole = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(config, OCI_CONFIG),
            "layers": [descriptor(content, OCI_LAYER) for content in contents],
        }
        return json.dumps(whole | more).encode()

    def forget(self, name: str, digest: str) -> None:
        """Delete a manifest; what only it named is garbage from now on."""
        target = f"/v2/{name}/manifests/{digest}"
        assert self.wire.ask("DELETE", target).status == 202
        content = self.manifests.pop((name, digest))
        self.untagged.discard((name, digest))
        self.garbage.add(digest)
        for part in parts(content):
            self.blobs.pop((name, part), None)
            self.garbage.add(part)


def parts(content: bytes) -> list[str]:
    """The blobs that an image names."""
    whole = json.loads(content)
    return [whole["config"]["digest"], *(layer["digest"] for layer in whole["layers"])]


def push_everything(wire: SocketWire, *, with_schema1: bool = True) -> Everything:
    """One of everything, and some garbage."""
    all_of_it = Everything(wire)
    _push_images(all_of_it)
    _push_referrers(all_of_it)
    _push_sha512(all_of_it)
    if with_schema1:
        _push_signed(all_of_it)
    _leave_garbage(all_of_it)
    return all_of_it


def _push_images(to: Everything) -> None:
    to.manifest("plain", to.image("plain", "of two layers", layers=2), "latest")
    to.manifest("plain", to.image("plain", "without a tag"))
    to.manifest("bare/artifact", to.image("bare/artifact", "without layers", layers=0), "latest")
    child = to.image("an/index", "child")
    to.manifest("an/index", child)
    entry = descriptor(child, OCI_MANIFEST, **platform("amd64"))
    to.manifest("an/index", index(entry), "latest", media_type=OCI_INDEX)
    to.manifest("lonely", index(annotations={"holds": "nothing"}), "latest", media_type=OCI_INDEX)


def _push_referrers(to: Everything) -> None:
    subject = to.image("signed/by-others", "subject")
    to.manifest("signed/by-others", subject, "latest")
    about = descriptor(subject, OCI_MANIFEST)
    for what in ("signature", "bill of materials"):
        referrer = to.image("signed/by-others", what, subject=about, artifactType="application/x")
        to.manifest("signed/by-others", referrer)


def _push_sha512(to: Everything) -> None:
    layer, config = b"a layer that was pushed by sha512", b'{"os":"linux","of":"sha512"}'
    named = [
        descriptor(content, media_type) | {"digest": to.blob("by/sha512", content, "sha512")}
        for content, media_type in ((config, OCI_CONFIG), (layer, OCI_LAYER))
    ]
    whole = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": named[0]}
    content = json.dumps(whole | {"layers": named[1:]}).encode()
    to.manifest("by/sha512", content, "latest", algorithm="sha512")


def _push_signed(to: Everything) -> None:
    layer = to.blob("old/signed", b"a layer of a signed image")
    content = payload("old/signed", "latest", fsLayers=[{"blobSum": layer}])
    for number in (1, 2):
        whole = document(content, host(number=number))
        sent = {"Content-Type": SCHEMA1}
        assert to.wire.ask("PUT", "/v2/old/signed/manifests/latest", sent, whole).status == 201
        kept = signed.split(whole).signatures
        to.signatures |= {digest_of(signature.stored()) for signature in kept}
    to.manifests["old/signed", digest_of(content)] = content
    to.tags["old/signed", "latest"] = digest_of(content)


def _leave_garbage(to: Everything) -> None:
    for name, algorithm in (("plain", "sha256"), ("by/sha512", "sha512")):
        content = f"a blob of {name} that no manifest names".encode()
        to.garbage.add(to.blob(name, content, algorithm))
        del to.blobs[name, digest_of(content, algorithm)]
    to.forget("plain", to.manifest("plain", to.image("plain", "deleted"), "deleted"))
    del to.tags["plain", "deleted"]
    to.forget("gone", to.manifest("gone", to.image("gone", "all that was there"), "latest"))
    del to.tags["gone", "latest"]


def stored(root: Path) -> set[str]:
    """The digests of all content in a storage folder, from the paths of the files."""
    blobs = root / "docker" / "registry" / "v2" / "blobs"
    return {f"{data.parts[-4]}:{data.parts[-2]}" for data in blobs.glob("*/*/*/data")}

"""Storage folders as the original's versions 2.0, 2.1.0, 2.4 and 3.1 left them, file by file.

Made from what is known of each version, not with the registry's own names of paths, so that a
mistake there shows here. What each tree has to serve is written down beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerstore.oci import signed
from layerstore.oci.keys import PrivateKey
from tests.unit.oci.signers import SIGNED_AT, host, payload
from tests.wire.stock import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    index,
    platform,
)

SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TARSUM = "tarsum.v1+sha256:" + hashlib.sha256(b"the files of a layer").hexdigest()
HOSTS = (host(), host("RSA"))
OLD_UPLOAD = "5f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
NEW_UPLOAD = "01932c07-1f6e-7c3a-9d51-0c1d2e3f4a5b"
STARTED = "2026-11-20T08:30:00Z"


@dataclass(frozen=True)
class Kept:
    """A manifest that the tree holds; of schema 1, its payload and who signed it."""

    media_type: str
    content: bytes
    signers: tuple[PrivateKey, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass
class Repository:
    """What one repository of the tree serves."""

    tags: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, Kept] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)


class Tree:
    """A storage folder under construction, and what it serves so far.

    The names of all its repositories begin with `under`, so that one server can have several.
    """

    def __init__(self, root: Path, under: str) -> None:
        self._v2 = root / "docker" / "registry" / "v2"
        self._under = under
        self.repositories: dict[str, Repository] = {}

    def name(self, short: str) -> str:
        return f"{self._under}/{short}"

    def _named(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def write(self, path: str, content: bytes) -> None:
        place = self._v2 / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def folder(self, path: str) -> None:
        (self._v2 / path).mkdir(parents=True, exist_ok=True)

    def data(self, content: bytes) -> str:
        """Content in the blob store; every version keeps it under sha256."""
        digest = digest_of(content)
        hexadecimal = digest.removeprefix("sha256:")
        self.write(f"blobs/sha256/{hexadecimal[:2]}/{hexadecimal}/data", content)
        return digest

    def layer(self, name: str, content: bytes, *aliases: str) -> str:
        """A blob with its link, and links for other digests that it was pushed with."""
        digest = self.data(content)
        for each in (digest, *aliases):
            folder = _folders(each)
            self.write(f"repositories/{name}/_layers/{folder}/link", digest.encode())
            self._named(name).blobs[each] = content
        return digest

    def revision(self, name: str, kept: Kept, *tags: str, below: str = "") -> str:
        """A manifest with its link, its signatures, and its tags, the latest led there."""
        digest = self.data(kept.content)
        folder = below or "_manifests/revisions"
        self.write(f"repositories/{name}/{folder}/{_folders(digest)}/link", digest.encode())
        for key in kept.signers:
            signature = signed.sign(kept.content, key, SIGNED_AT).stored()
            self._signature(name, digest, self.data(signature))
        for tag in tags:
            self._tag(name, tag, digest)
        self._named(name).revisions[digest] = kept
        return digest

    def _signature(self, name: str, revision: str, signature: str) -> None:
        folder = f"repositories/{name}/_manifests/revisions/{_folders(revision)}/signatures"
        self.write(f"{folder}/{_folders(signature)}/link", signature.encode())

    def _tag(self, name: str, tag: str, digest: str) -> None:
        folder = f"repositories/{name}/_manifests/tags/{tag}"
        self.write(f"{folder}/index/{_folders(digest)}/link", digest.encode())
        self.write(f"{folder}/current/link", digest.encode())
        self._named(name).tags[tag] = digest

    def deleted(self, name: str, digest: str) -> None:
        """What is left of a revision that was deleted: its folder."""
        self.folder(f"repositories/{name}/_manifests/revisions/{_folders(digest)}")

    def upload(self, name: str, upload_id: str, content: bytes, state: bytes | None) -> None:
        folder = f"repositories/{name}/_uploads/{upload_id}"
        self.write(f"{folder}/startedat", STARTED.encode())
        self.write(f"{folder}/data", content)
        if state is not None:
            self.write(f"{folder}/hashstates/sha256/{len(content)}", state)
        self._named(name).uploads[upload_id] = content


def _folders(digest: str) -> str:
    """How a digest stands in a path: `tarsum.v1+sha256` is three folders."""
    algorithm, _, encoded = digest.partition(":")
    for letter in "+.;":
        algorithm = algorithm.replace(letter, "/")
    return f"{algorithm}/{encoded}"


def _signed(name: str, tag: str, *layers: str, signers: tuple[PrivateKey, ...] = HOSTS) -> Kept:
    content = payload(
        name,
        tag,
        fsLayers=[{"blobSum": layer} for layer in layers],
        history=[{"v1Compatibility": '{"id":"1"}'} for _ in layers],
    )
    return Kept(SCHEMA1, content, signers)


def _image(config: bytes, layer: bytes, *, is_docker: bool = False, **more: Any) -> Kept:
    media_type = DOCKER_MANIFEST if is_docker else OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config, DOCKER_CONFIG if is_docker else OCI_CONFIG),
        "layers": [descriptor(layer, DOCKER_LAYER if is_docker else OCI_LAYER)],
    }
    return Kept(media_type, json.dumps(document | more).encode())


def _config(of: str) -> bytes:
    return json.dumps({"architecture": "amd64", "os": "linux", "made": of}).encode()


def tree_2_0(root: Path, under: str) -> Tree:
    """Signed manifests with their signatures; a layer under a TarSum; a tag that was moved."""
    tree = Tree(root, under)
    name = tree.name("library/hello")
    layer = tree.layer(name, b"a layer of 2.0")
    summed = tree.layer(name, b"a layer that was pushed under its TarSum", TARSUM)
    tree.revision(name, _signed(name, "latest", layer), "latest")
    tree.revision(name, _signed(name, "latest", layer, summed), "latest")
    tree.revision(name, _signed(name, "1.0", TARSUM, layer, signers=HOSTS[:1]), "1.0")
    other = tree.name("hello/world/of/2.0")
    tree.revision(other, _signed(other, "only", tree.layer(other, b"another")), "only")
    return tree


def tree_2_1_0(root: Path, under: str) -> Tree:
    """Its mistake: links to revisions stand among the layers."""
    tree = Tree(root, under)
    name = tree.name("library/misplaced")
    layer = tree.layer(name, b"a layer of 2.1.0")
    for tag in ("latest", "1.0"):
        tree.revision(name, _signed(name, tag, layer), tag, below="_layers")
    before = tree.name("library/before")
    tree.revision(before, _signed(before, "2.0", tree.layer(before, b"of 2.0")), "2.0")
    return tree


def tree_2_4(root: Path, under: str) -> Tree:
    """Schema 2 and lists beside schema 1, a mount, a deleted revision, an upload under way."""
    tree = Tree(root, under)
    name = tree.name("library/both")
    config, layer = _config("2.4"), b"a layer of 2.4"
    digest = tree.layer(name, layer)
    tree.layer(name, config)
    image = _image(config, layer, is_docker=True)
    tree.revision(name, image, "latest", "2")
    tree.revision(name, _signed(name, "1", digest), "1")
    entry = descriptor(image.content, DOCKER_MANIFEST, **platform("amd64"))
    tree.revision(name, Kept(DOCKER_LIST, index(entry, media_type=DOCKER_LIST)), "list")
    tree.deleted(name, digest_of(b"a manifest that somebody deleted"))
    tree.upload(name, OLD_UPLOAD, b"the first half, ", b"as gob wrote states before Go 1.9")
    mounted = tree.name("mounted")
    for content in (config, layer):
        tree.layer(mounted, content)
    tree.revision(mounted, image, "latest")
    return tree


def tree_3_1(root: Path, under: str) -> Tree:
    """OCI content, sha512 in the original's form, leftovers of a crash, no `_layers` at one."""
    tree = Tree(root, under)
    name = tree.name("library/new")
    config, layer = _config("3.1"), b"a layer of 3.1"
    tree.layer(name, layer, digest_of(layer, "sha512"))
    tree.layer(name, config)
    image = _image(config, layer)
    entry = descriptor(image.content, OCI_MANIFEST, **platform("amd64"))
    tree.revision(name, image)
    tree.revision(name, Kept(OCI_INDEX, index(entry)), "latest", "3.1")
    tree.revision(name, _image(config, layer, annotations={"once": "untagged"}))
    artifact = _image(config, layer, subject=descriptor(image.content, OCI_MANIFEST))
    tree.revision(name, artifact)
    referrers = index(descriptor(artifact.content, OCI_MANIFEST))
    tree.revision(name, Kept(OCI_INDEX, referrers), image.digest.replace(":", "-"))
    leftover = "link.01932c07-1f6e-7c3a-9d51-aaaaaaaaaaaa.tmp"
    tree.write(f"repositories/{name}/_manifests/tags/latest/current/{leftover}", b"")
    tree.write(f"repositories/{name}/_layers/sha256/{'0' * 64}/{leftover}", b"")
    tree.upload(name, NEW_UPLOAD, b"the first half, ", _go_state(b"the first half, "))
    tree.revision(tree.name("nothing/but/an/index"), Kept(OCI_INDEX, index()), "latest")
    return tree


def _go_state(content: bytes) -> bytes:
    """The state of SHA-256 after less than one block: nothing is chained yet."""
    chained = "6a09e667bb67ae853c6ef372a54ff53a510e527f9b05688c1f83d9ab5be0cd19"
    block = content.ljust(64, b"\0")
    return b"sha\x03" + bytes.fromhex(chained) + block + len(content).to_bytes(8, "big")


TREES: Mapping[str, Callable[[Path, str], Tree]] = {
    "2.0": tree_2_0,
    "2.1.0": tree_2_1_0,
    "2.4": tree_2_4,
    "3.1": tree_3_1,
}

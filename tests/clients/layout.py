"""OCI image layouts on disk: made for a client to push, and read after a client has pulled.

Knows descriptors and digests, and nothing of what is in the content: that is `content.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

REFERENCE_NAME = "org.opencontainers.image.ref.name"
READ_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
GZIP_FORM = zlib.MAX_WBITS + 16
"""zlib's word for a stream in the form of gzip."""

Descriptor = dict[str, Any]


@dataclass(frozen=True)
class Layout:
    """A folder in the form of the OCI image layout."""

    folder: Path

    def blob(self, digest: str) -> Path:
        algorithm, _, encoded = digest.partition(":")
        return self.folder / "blobs" / algorithm / encoded

    def add(self, content: bytes, media_type: str) -> Descriptor:
        """Keep `content`; answers with its descriptor."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blob(digest).parent.mkdir(parents=True, exist_ok=True)
        self.blob(digest).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def add_document(self, document: dict[str, Any]) -> Descriptor:
        """Keep a manifest or an index, as JSON; its `mediaType` is its type."""
        return self.add(json.dumps(document, indent=2).encode(), document["mediaType"])

    def adopt(self, file: Path, media_type: str) -> Descriptor:
        """Keep a file by moving it here; answers with its descriptor."""
        digest = digest_of(file)
        size = file.stat().st_size
        self.blob(digest).parent.mkdir(parents=True, exist_ok=True)
        file.replace(self.blob(digest))
        return {"mediaType": media_type, "digest": digest, "size": size}

    def name(self, **roots: Descriptor) -> None:
        """Write the entry point: which descriptors the names of the layout stand for."""
        named = [{**root, "annotations": {REFERENCE_NAME: name}} for name, root in roots.items()]
        entry = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": named}
        (self.folder / "index.json").write_text(json.dumps(entry))
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def root(self) -> Descriptor:
        """The only descriptor that the layout has a name for."""
        [only] = json.loads((self.folder / "index.json").read_text())["manifests"]
        return {key: only[key] for key in ("mediaType", "digest", "size")}

    def document(self, digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.blob(digest).read_bytes())
        return document

    def reachable(self, root: Descriptor, *, with_subjects: bool = True) -> Iterator[Descriptor]:
        """`root` and everything it refers to, whatever is referred to first."""
        if root["mediaType"] in MANIFEST_TYPES:
            for below in references(self.document(root["digest"]), with_subjects):
                yield from self.reachable(below, with_subjects=with_subjects)
        yield root

    def to_tar(self, target: Path) -> Path:
        """The layout as one file, as `ctr images import` takes it."""
        with tarfile.open(target, "w") as archive:
            archive.add(self.folder, arcname=".")
        return target

    def linked_copy(self, folder: Path) -> Layout:
        """A second layout with the same blobs, to be given other names."""
        shutil.copytree(self.folder / "blobs", folder / "blobs", copy_function=_link)
        return Layout(folder)


def references(document: dict[str, Any], with_subject: bool = True) -> list[Descriptor]:
    """What a manifest or an index refers to, in the order in which it has to be pushed."""
    keys = ("subject", "config") if with_subject else ("config",)
    single = [document[key] for key in keys if key in document]
    return [*single, *document.get("layers", []), *document.get("manifests", [])]


def digest_of(file: Path) -> str:
    with file.open("rb") as source:
        return f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"


def unpacked_digest(layer: Path) -> str:
    """The digest of a layer's tar file, without the compression that it is stored with."""
    with layer.open("rb") as source:
        return unpacked_stream_digest(source)


def unpacked_stream_digest(source: IO[bytes]) -> str:
    """The same for a layer that comes from anywhere; one that is not compressed is taken as is."""
    hasher, inflate = hashlib.sha256(), None
    while piece := source.read(READ_BYTES):
        if inflate is None:
            inflate = zlib.decompressobj(GZIP_FORM) if piece.startswith(GZIP_MAGIC) else _AsIs()
        hasher.update(inflate.decompress(piece))
    return f"sha256:{hasher.hexdigest()}"


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes, compared byte by byte."""
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(READ_BYTES):
            if piece != right.read(READ_BYTES):
                return False
        return not right.read(1)


class _AsIs:
    """A decompressor for what is not compressed."""

    def decompress(self, piece: bytes) -> bytes:
        return piece


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)

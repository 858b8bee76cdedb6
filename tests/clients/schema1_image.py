"""A small image whose history has everything that schema 1 has to tell, and documents of it."""

from __future__ import annotations

import gzip
import http.client
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerstore.oci import signed
from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.keys import PublicKey
from tests.clients.layout import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Layout, unpacked_digest
from tests.clients.registry_reader import ANSWER_SECONDS, Answer
from tests.servers import Server

TAG = "signed"

_HISTORY: list[dict[str, Any]] = [
    {"created": "2015-01-14T18:30:00.120Z", "created_by": "ADD <file> & \u2028 more"},
    {"created": "2015-01-14T18:30:01Z", "created_by": "ENV", "empty_layer": True},
    {"created": "2015-01-14T18:30:02.5+01:00", "comment": "ü", "author": "x"},
    {"created_by": "CMD", "empty_layer": True},
]


@dataclass(frozen=True)
class SignedImage:
    """An image in a layout, and how skopeo names it."""

    layout: Layout

    @property
    def source(self) -> str:
        return f"oci:{self.layout.folder}:{TAG}"

    def docker_archive(self, target: Path, name: str) -> Path:
        """The image as one file for `docker load`, which gives it the name `name`."""
        manifest = self._manifest()
        parts = [manifest["config"], *manifest["layers"]]
        names = [part["digest"].partition(":")[2] for part in parts]
        entry = {"Config": names[0], "RepoTags": [name], "Layers": names[1:]}
        with tarfile.open(target, "w") as archive:
            for part, file_name in zip(parts, names, strict=True):
                archive.add(self.layout.blob(part["digest"]), arcname=file_name)
            _add(archive, "manifest.json", json.dumps([entry]).encode())
        return target

    def unpacked(self) -> list[str]:
        """The digests of the layers before compression, the oldest first."""
        layers = self._manifest()["layers"]
        return [unpacked_digest(self.layout.blob(layer["digest"])) for layer in layers]

    def _manifest(self) -> dict[str, Any]:
        index = json.loads((self.layout.folder / "index.json").read_text())
        return self.layout.document(index["manifests"][0]["digest"])


def make_image(folder: Path) -> SignedImage:
    """The image, in a layout of its own at `folder`."""
    layout = Layout(folder)
    layers = [layout.add(_layer(name), OCI_LAYER) for name in ("one", "two")]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2015-01-14T18:30:03Z",
        "config": {"Cmd": ["/one", "<&>"], "Env": ["A=b"]},
        "rootfs": {
            "type": "layers",
            "diff_ids": [unpacked_digest(layout.blob(layer["digest"])) for layer in layers],
        },
        "history": _HISTORY,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": layout.add(json.dumps(config).encode(), OCI_CONFIG),
        "layers": layers,
    }
    layout.name(**{TAG: layout.add_document(manifest)})
    return SignedImage(layout)


def _layer(name: str) -> bytes:
    unpacked = io.BytesIO()
    with tarfile.open(fileobj=unpacked, mode="w") as archive:
        _add(archive, name, name.encode() * 1000)
    return gzip.compress(unpacked.getvalue(), mtime=0)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def get_signed(server: Server, name: str, reference: str = TAG) -> Answer:
    """What the server answers to a client that knows schema 1 only."""
    return _ask(server, "GET", f"/v2/{name}/manifests/{reference}", {"Accept": SCHEMA1_SIGNED})


def put_signed(server: Server, name: str, document: bytes, reference: str = TAG) -> Answer:
    path = f"/v2/{name}/manifests/{reference}"
    return _ask(server, "PUT", path, {"Content-Type": SCHEMA1_SIGNED}, document)


def signers(document: bytes) -> set[PublicKey]:
    """The keys that signed the document; raises unless every signature holds."""
    taken = signed.split(document)
    return {signed.verify(taken.payload, signature) for signature in taken.signatures}


def payload_of(document: bytes) -> bytes:
    return signed.split(document).payload


def _ask(
    server: Server, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> Answer:
    connection = http.client.HTTPConnection(server.host, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, path, body, headers)
        with connection.getresponse() as response:
            told = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, told, response.read())
    finally:
        connection.close()

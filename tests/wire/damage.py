"""A repository laid out on disk, file by file, and everything that may be wrong with it there.

What crashes, full disks, other programs and people leave in a registry's folder. No server is
asked here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.paths import (
    BLOBS,
    BlobData,
    LayerLink,
    ReferrerLink,
    RevisionLink,
    TagCurrent,
    TagIndex,
    UploadData,
    UploadHashState,
    UploadStarted,
    blob_folder,
    layers_folder,
    manifests_folder,
    referrers_folder,
    repository_folder,
    revision_folder,
    revisions_folder,
    tag_folder,
    tags_folder,
    upload_folder,
    uploads_folder,
)
from tests.wire.stock import CONFIG, OCI_MANIFEST, descriptor, image, index, platform

TAG = Tag("latest")
UPLOAD = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
LEFTOVER = "link.0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b.tmp"
STARTED = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Laid:
    """An image with a layer of its own, an index and an artifact of it, and an open upload."""

    root: Path
    name: Name
    layer: bytes
    image: bytes
    index: bytes
    artifact: bytes

    @property
    def upload_bytes(self) -> bytes:
        return b"what came so far in " + self.name.encode()

    def at(self, path: str) -> Path:
        return self.root / path.removeprefix("/")

    @property
    def links(self) -> Mapping[str, Path]:
        """Each kind of link once."""
        image, artifact = Digest.of(self.image), Digest.of(self.artifact)
        return {
            "tag": self.at(TagCurrent(self.name, TAG).path),
            "index of a tag": self.at(TagIndex(self.name, TAG, image).path),
            "revision": self.at(RevisionLink(self.name, image).path),
            "layer": self.at(LayerLink(self.name, Digest.of(self.layer)).path),
            "referrer": self.at(ReferrerLink(self.name, image, artifact).path),
        }

    @property
    def files(self) -> Mapping[str, Path]:
        """Links, and what is none."""
        return {
            **self.links,
            "manifest": self.at(BlobData(Digest.of(self.image)).path),
            "blob": self.at(BlobData(Digest.of(self.layer)).path),
            "upload": self.at(UploadData(self.name, UPLOAD).path),
            "start of an upload": self.at(UploadStarted(self.name, UPLOAD).path),
            "hash of an upload": self.at(
                UploadHashState(self.name, UPLOAD, "sha256", len(self.upload_bytes)).path
            ),
        }

    @property
    def folders(self) -> Mapping[str, Path]:
        """Each kind of folder once."""
        image = Digest.of(self.image)
        return {
            "repository": self.at(repository_folder(self.name)),
            "_layers": self.at(layers_folder(self.name)),
            "_layers/sha256": self.at(f"{layers_folder(self.name)}/sha256"),
            "_manifests": self.at(manifests_folder(self.name)),
            "revisions": self.at(revisions_folder(self.name)),
            "revisions/sha256": self.at(f"{revisions_folder(self.name)}/sha256"),
            "one revision": self.at(revision_folder(self.name, image)),
            "tags": self.at(tags_folder(self.name)),
            "one tag": self.at(tag_folder(self.name, TAG)),
            "current": self.at(TagCurrent(self.name, TAG).path).parent,
            "referrers": self.at(referrers_folder(self.name)),
            "_uploads": self.at(uploads_folder(self.name)),
            "one upload": self.at(upload_folder(self.name, UPLOAD)),
            "hashstates": self.at(upload_folder(self.name, UPLOAD)) / "hashstates",
            "one blob": self.at(blob_folder(Digest.of(self.layer))),
            "one manifest": self.at(blob_folder(image)),
        }


def lay(root: Path, name: str) -> Laid:
    """Write the repository, with content that no other has, as the original does."""
    layer = b"the layer of " + name.encode()
    whole = image((layer,), annotations={"in": name})
    artifact = image((layer,), annotations={"in": name}, subject=descriptor(whole, OCI_MANIFEST))
    both = index(descriptor(whole, OCI_MANIFEST, **platform("amd64")), annotations={"in": name})
    laid = Laid(root, Name(name), layer, whole, both, artifact)
    for path, content in _files(laid):
        place = laid.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return laid


def _files(laid: Laid) -> Iterator[tuple[str, bytes]]:
    name = laid.name
    for content in (CONFIG, laid.layer, laid.image, laid.index, laid.artifact):
        yield BlobData(Digest.of(content)).path, content
    for content in (CONFIG, laid.layer):
        digest = Digest.of(content)
        yield LayerLink(name, digest).path, digest.encode()
    tagged = {TAG: laid.image, Tag("multi"): laid.index, Tag("artifact"): laid.artifact}
    for tag, content in tagged.items():
        digest = Digest.of(content)
        yield RevisionLink(name, digest).path, digest.encode()
        yield TagIndex(name, tag, digest).path, digest.encode()
        yield TagCurrent(name, tag).path, digest.encode()
    artifact = Digest.of(laid.artifact)
    yield ReferrerLink(name, Digest.of(laid.image), artifact).path, artifact.encode()
    yield UploadStarted(name, UPLOAD).path, STARTED.encode()
    yield UploadData(name, UPLOAD).path, laid.upload_bytes
    size = len(laid.upload_bytes)
    yield UploadHashState(name, UPLOAD, "sha256", size).path, b"none that anybody can read"


Damage = Callable[[Laid], None]


def damages() -> Mapping[str, Damage]:
    """Everything that may be wrong, by what it is."""
    return {
        **_broken_links(),
        **_broken_files(),
        **_broken_folders(),
        **strays(),
        "names in capitals everywhere": _everywhere(b"LATEST", _stray_folder),
        "files at the wrong depth": _files_at_the_wrong_depth,
        "tags that are none": _tags_that_are_none,
    }


LINKS = ("tag", "index of a tag", "revision", "layer", "referrer")
FILES = (*LINKS, "manifest", "blob", "upload", "start of an upload", "hash of an upload")
FOLDERS = (
    "_layers",
    "_layers/sha256",
    "_manifests",
    "revisions",
    "revisions/sha256",
    "one revision",
    "tags",
    "one tag",
    "current",
    "referrers",
    "_uploads",
    "one upload",
    "hashstates",
    "one blob",
    "one manifest",
)
ABSENT = Digest.of(b"what nobody pushed")
TEXTS: Mapping[str, bytes] = {
    "is empty": b"",
    "holds only a newline": b"\n",
    "is not of ASCII": "größe".encode(),
    "is no text": bytes(range(256)),
    "names an unknown algorithm": b"md5:d41d8cd98f00b204e9800998ecf8427e",
    "is cut off": ABSENT.encode()[:40],
    "leads out of the folder": b"sha256:../../../../etc/passwd",
    "leads nowhere": ABSENT.encode(),
    "is very long": b"sha256:" + b"0" * 1_000_000,
}


def _broken_links() -> Mapping[str, Damage]:
    return {
        f"the link of a {kind} {what}": _writes(kind, text)
        for kind in LINKS
        for what, text in TEXTS.items()
    } | {f"the link of a {kind} ends in a newline": _adds_newline(kind) for kind in LINKS}


def _writes(kind: str, text: bytes) -> Damage:
    return lambda laid: _write(laid.files[kind], text)


def _write(file: Path, text: bytes) -> None:
    file.write_bytes(text)


def _adds_newline(kind: str) -> Damage:
    return lambda laid: _write(laid.files[kind], laid.files[kind].read_bytes() + b"\n")


def _broken_files() -> Mapping[str, Damage]:
    kinds: Mapping[str, Callable[[Path], None]] = {
        "is missing": lambda file: file.unlink(),
        "is a folder": _folder_instead,
        "is a folder with something in it": _full_folder_instead,
        "is a symlink to nothing": lambda file: _symlink_instead(file, "nothing"),
        "is a symlink to itself": lambda file: _symlink_instead(file, file.name),
        "is a symlink out of the root": lambda file: _symlink_instead(file, "/etc/hostname"),
        "is a pipe": _pipe_instead,
    }
    return {
        f"the file of a {kind} {what}": _at_file(kind, damage)
        for kind in FILES
        for what, damage in kinds.items()
    }


def _at_file(kind: str, damage: Callable[[Path], None]) -> Damage:
    return lambda laid: damage(laid.files[kind])


def _folder_instead(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _full_folder_instead(file: Path) -> None:
    _folder_instead(file)
    (file / "something").write_bytes(b"of somebody's")


def _symlink_instead(place: Path, target: str) -> None:
    place.unlink()
    place.symlink_to(target)


def _pipe_instead(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _broken_folders() -> Mapping[str, Damage]:
    kinds: Mapping[str, Callable[[Path], None]] = {
        "is missing": shutil.rmtree,
        "is empty": _emptied,
        "is a file": _file_instead,
        "is a symlink to nothing": lambda folder: _symlink_for_folder(folder, "nothing"),
        "is a symlink to itself": lambda folder: _symlink_for_folder(folder, folder.name),
        "is a symlink out of the root": lambda folder: _symlink_for_folder(folder, "/etc"),
    }
    return {
        f"the folder {kind} {what}": _at_folder(kind, damage)
        for kind in FOLDERS
        for what, damage in kinds.items()
    }


def _at_folder(kind: str, damage: Callable[[Path], None]) -> Damage:
    return lambda laid: damage(laid.folders[kind])


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _file_instead(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"no folder")


def _symlink_for_folder(folder: Path, target: str) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(target)


def strays() -> Mapping[str, Damage]:
    """Files, folders and symlinks that are none of the layout's, in every folder of it."""
    names: Mapping[str, bytes] = {
        "leftovers of a crash": LEFTOVER.encode(),
        "leftovers of a network file system": b".nfs0000000000000001",
        "folders of a Mac": b".DS_Store",
        "names that are not UTF-8": b"\xff\xfe",
        "names with a space": b"a copy of latest",
        "names with a newline": b"a\nb",
        "names with a colon": b"sha256:0",
        "names of 255 bytes": b"n" * 255,
    }
    return {
        f"everywhere {kind} with {what}": _everywhere(name, stray)
        for kind, stray in _STRAY_KINDS.items()
        for what, name in names.items()
    }


def _everywhere(name: bytes, stray: Callable[[Path], None]) -> Damage:
    def put(laid: Laid) -> None:
        for folder in laid.folders.values():
            stray(folder / os.fsdecode(name))

    return put


def _stray_file(path: Path) -> None:
    path.write_bytes(b"stray")


def _stray_folder(path: Path) -> None:
    path.mkdir()


_STRAY_KINDS: Mapping[str, Callable[[Path], None]] = {
    "files": _stray_file,
    "folders": _stray_folder,
    "symlinks": lambda path: path.symlink_to("nothing"),
}


def _files_at_the_wrong_depth(laid: Laid) -> None:
    for folder in laid.folders.values():
        for name in ("link", "data", "startedat"):
            if not (folder / name).exists():
                (folder / name).write_bytes(ABSENT.encode())
    stray = laid.at(BLOBS) / "sha256" / "data"
    stray.write_bytes(b"of no digest")


def _tags_that_are_none(laid: Laid) -> None:
    tags = laid.folders["tags"]
    (tags / "empty").mkdir()
    (tags / "without-current" / "index").mkdir(parents=True)
    (tags / "with-empty-current" / "current").mkdir(parents=True)
    (tags / "a-file").write_bytes(b"")
    (tags / "-begins-with-a-hyphen").mkdir()
    (tags / "round").symlink_to("round")

"""The path mapper: every path of the layout, made and recognised here and nowhere else.

    /docker/registry/v2/
    ├── blobs/<alg>/<hh>/<hex>/data                                  BlobData
    └── repositories/<name>/
        ├── _layers/
        │   ├── <alg>/<hex>/link                                     LayerLink
        │   ├── tarsum/<version>/<alg>/<hex>/link                    LayerLink, of a TarSum
        │   └── keep                                                 LayersKeep
        ├── _manifests/
        │   ├── revisions/<alg>/<hex>/link                           RevisionLink
        │   ├── revisions/<alg>/<hex>/signatures/<alg>/<hex>/link    SignatureLink
        │   ├── tags/<tag>/current/link                              TagCurrent
        │   ├── tags/<tag>/index/<alg>/<hex>/link                    TagIndex
        │   └── referrers/<alg>/<hex>/<alg>/<hex>/link               ReferrerLink
        └── _uploads/<id>/
            ├── data                                                 UploadData
            ├── startedat                                            UploadStarted
            └── hashstates/<alg>/<offset>                            UploadHashState
    /layerstore/quarantine/<alg>/<hex>/<number>                      Quarantined

`<hh>` is the first two digits of `<hex>`. Every kind of path is a tuple of what it is about; its
`path` makes the text, and `recognise` makes the tuple from the text (registry-facts §1.4; the
referrers and `keep` are ours: decisions 2 and 4; so is what lies beside the layout, where nothing
is served from). Folders are functions, for walks and removals.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, NameInvalid
from layerstore.oci.name import Name, Tag, is_tag, parse_name
from layerstore.oci.tarsum import TarSum

PREFIX: Final = "/docker/registry/v2"
BLOBS: Final = f"{PREFIX}/blobs"
REPOSITORIES: Final = f"{PREFIX}/repositories"
QUARANTINE: Final = "/layerstore/quarantine"

MANIFESTS_FOLDER: Final = "_manifests"
UPLOADS_FOLDER: Final = "_uploads"

PATHS_KEPT: Final = 1_024
"""Paths of each of the kinds that nearly every request asks for, which need not be made again.

What is remembered with them are tuples no longer than they are (B019 warns of keeping objects).
"""

_UPLOAD_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_upload_id(text: str) -> bool:
    """Whether it is a lower-case UUID, the only form of an upload's id (decisions 11)."""
    return _UPLOAD_ID.fullmatch(text) is not None


def repository_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}"


def layers_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/_layers"


def manifests_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/{MANIFESTS_FOLDER}"


def revisions_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/{MANIFESTS_FOLDER}/revisions"


def revision_folder(name: Name, digest: Digest) -> str:
    return f"{revisions_folder(name)}/{_split(digest)}"


def signatures_folder(name: Name, revision: Digest) -> str:
    return f"{revision_folder(name, revision)}/signatures"


def tags_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/{MANIFESTS_FOLDER}/tags"


def tag_folder(name: Name, tag: Tag) -> str:
    return f"{tags_folder(name)}/{tag}"


def tag_index_folder(name: Name, tag: Tag) -> str:
    return f"{tags_folder(name)}/{tag}/index"


def referrers_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/{MANIFESTS_FOLDER}/referrers"


def referrers_of_folder(name: Name, subject: Digest) -> str:
    return f"{referrers_folder(name)}/{_split(subject)}"


def referrer_folder(name: Name, subject: Digest, referrer: Digest) -> str:
    return f"{referrers_of_folder(name, subject)}/{_split(referrer)}"


def uploads_folder(name: Name) -> str:
    return f"{REPOSITORIES}/{name}/{UPLOADS_FOLDER}"


def upload_folder(name: Name, upload_id: str) -> str:
    return f"{uploads_folder(name)}/{upload_id}"


def blob_folder(digest: Digest) -> str:
    algorithm, _, hexadecimal = digest.partition(":")
    return f"{BLOBS}/{algorithm}/{hexadecimal[:2]}/{hexadecimal}"


def quarantine_folder(digest: Digest) -> str:
    return f"{QUARANTINE}/{_split(digest)}"


class BlobData(NamedTuple):
    digest: Digest

    @property
    @lru_cache(PATHS_KEPT)  # noqa: B019 - no longer than the path
    def path(self) -> str:
        return f"{blob_folder(self.digest)}/data"


class LayerLink(NamedTuple):
    name: Name
    digest: Digest

    @property
    @lru_cache(PATHS_KEPT)  # noqa: B019 - no longer than the path
    def path(self) -> str:
        return f"{REPOSITORIES}/{self.name}/_layers/{_split(self.digest)}/link"


class LayersKeep(NamedTuple):
    name: Name

    @property
    def path(self) -> str:
        return f"{REPOSITORIES}/{self.name}/_layers/keep"


class RevisionLink(NamedTuple):
    name: Name
    revision: Digest

    @property
    @lru_cache(PATHS_KEPT)  # noqa: B019 - no longer than the path
    def path(self) -> str:
        return f"{revision_folder(self.name, self.revision)}/link"


class SignatureLink(NamedTuple):
    name: Name
    revision: Digest
    signature: Digest

    @property
    def path(self) -> str:
        return f"{signatures_folder(self.name, self.revision)}/{_split(self.signature)}/link"


class TagCurrent(NamedTuple):
    name: Name
    tag: Tag

    @property
    @lru_cache(PATHS_KEPT)  # noqa: B019 - no longer than the path
    def path(self) -> str:
        return f"{tag_folder(self.name, self.tag)}/current/link"


class TagIndex(NamedTuple):
    name: Name
    tag: Tag
    revision: Digest

    @property
    def path(self) -> str:
        return f"{tag_index_folder(self.name, self.tag)}/{_split(self.revision)}/link"


class ReferrerLink(NamedTuple):
    name: Name
    subject: Digest
    referrer: Digest

    @property
    def path(self) -> str:
        return f"{referrer_folder(self.name, self.subject, self.referrer)}/link"


class UploadData(NamedTuple):
    name: Name
    upload_id: str

    @property
    def path(self) -> str:
        return f"{upload_folder(self.name, self.upload_id)}/data"


class UploadStarted(NamedTuple):
    name: Name
    upload_id: str

    @property
    def path(self) -> str:
        return f"{upload_folder(self.name, self.upload_id)}/startedat"


class UploadHashState(NamedTuple):
    name: Name
    upload_id: str
    algorithm: str
    offset: int

    @property
    def path(self) -> str:
        folder = upload_folder(self.name, self.upload_id)
        return f"{folder}/hashstates/{self.algorithm}/{self.offset}"


class Quarantined(NamedTuple):
    """Bytes that lay under a digest and are not its own, or were not when they were set aside."""

    digest: Digest
    number: int

    @property
    def path(self) -> str:
        return f"{quarantine_folder(self.digest)}/{self.number}"


Recognised: TypeAlias = (
    BlobData
    | LayerLink
    | LayersKeep
    | RevisionLink
    | SignatureLink
    | TagCurrent
    | TagIndex
    | ReferrerLink
    | UploadData
    | UploadStarted
    | UploadHashState
    | Quarantined
)


def recognise(path: str) -> Recognised | None:
    """What the path is about; None when it is none of the layout's."""
    try:
        match path.split("/"):
            case ["", "docker", "registry", "v2", "blobs", algorithm, fan, hexadecimal, "data"]:
                if fan == hexadecimal[:2]:
                    return BlobData(_joined(algorithm, hexadecimal))
            case ["", "docker", "registry", "v2", "repositories", *segments]:
                return _recognise_in_repository(segments)
            case ["", "layerstore", "quarantine", algorithm, hexadecimal, number]:
                if _is_offset(number):
                    return Quarantined(_joined(algorithm, hexadecimal), int(number))
    except (DigestInvalid, NameInvalid):
        pass
    return None


def _recognise_in_repository(segments: list[str]) -> Recognised | None:
    inner = next((i for i, part in enumerate(segments) if part.startswith("_")), 0)
    if not inner:
        return None
    name = parse_name("/".join(segments[:inner]))
    match segments[inner:]:
        case ["_layers", "keep"]:
            return LayersKeep(name)
        case ["_layers", algorithm, hexadecimal, "link"]:
            return LayerLink(name, _joined(algorithm, hexadecimal))
        case ["_layers", "tarsum", version, algorithm, hexadecimal, "link"]:
            return LayerLink(name, TarSum.from_segments(version, algorithm, hexadecimal))
        case ["_manifests", *rest]:
            return _recognise_manifest(name, rest)
        case [folder, upload_id, *rest] if folder == UPLOADS_FOLDER and is_upload_id(upload_id):
            return _recognise_upload(name, upload_id, rest)
    return None


def _recognise_manifest(name: Name, segments: list[str]) -> Recognised | None:
    match segments:
        case ["revisions", algorithm, hexadecimal, "link"]:
            return RevisionLink(name, _joined(algorithm, hexadecimal))
        case ["revisions", algorithm, hexadecimal, "signatures", alg, digits, "link"]:
            return SignatureLink(name, _joined(algorithm, hexadecimal), _joined(alg, digits))
        case ["referrers", algorithm, hexadecimal, alg, digits, "link"]:
            return ReferrerLink(name, _joined(algorithm, hexadecimal), _joined(alg, digits))
        case ["tags", tag, "current", "link"] if is_tag(tag):
            return TagCurrent(name, Tag(tag))
        case ["tags", tag, "index", algorithm, hexadecimal, "link"] if is_tag(tag):
            return TagIndex(name, Tag(tag), _joined(algorithm, hexadecimal))
    return None


def _recognise_upload(name: Name, upload_id: str, segments: list[str]) -> Recognised | None:
    match segments:
        case ["data"]:
            return UploadData(name, upload_id)
        case ["startedat"]:
            return UploadStarted(name, upload_id)
        case ["hashstates", algorithm, offset] if _is_offset(offset):
            return UploadHashState(name, upload_id, algorithm, int(offset))
    return None


def _is_offset(text: str) -> bool:
    return len(text) < 20 and text.isascii() and text.isdigit() and text == str(int(text))


def _split(digest: Digest) -> str:
    return "/".join(digest.segments)


def _joined(algorithm: str, hexadecimal: str) -> Digest:
    return Digest.parse(f"{algorithm}:{hexadecimal}")

"""What a manifest says: parsed once, purely, from the exact bytes that were pushed.

`parse` answers for Docker schema 2, manifest lists, OCI manifests and indexes with any artifact
inside (decisions 5). Schema 1 is another thing altogether: see `schema1.py` and `signed.py`.
The bytes themselves are kept and served as they came (I7); nothing is ever encoded again.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from layerstore.oci.descriptor import (
    DOCKER_FOREIGN_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    JSON,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    OCI_NONDISTRIBUTABLE_PREFIX,
    SCHEMA1,
    SCHEMA1_SIGNED,
    Descriptor,
)
from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, ManifestInvalid
from layerstore.oci.unreadable import reason_of

MANIFEST_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of one manifest, unless a setting says otherwise."""

REFERENCES_MAX: Final = 10_000
"""Descriptors in one manifest, unless a setting says otherwise."""


class Platform(msgspec.Struct, frozen=True):
    """Where an image runs; only the fields that the registry chooses by."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Target(msgspec.Struct, frozen=True):
    """A descriptor as it stands in a manifest."""

    media_type: str = msgspec.field(name="mediaType", default="")
    digest: Digest = Digest("")
    size: int = 0
    urls: tuple[str, ...] | None = None
    platform: Platform | None = None

    @property
    def may_live_elsewhere(self) -> bool:
        """A non-distributable layer: its URLs say where it is (image specification, Layers)."""
        return bool(self.urls) and (
            self.media_type == DOCKER_FOREIGN_LAYER
            or self.media_type.startswith(OCI_NONDISTRIBUTABLE_PREFIX)
        )


class Manifest(msgspec.Struct, frozen=True):
    """The parts of a manifest that the registry acts on."""

    media_type: str
    config: Target | None = None
    layers: tuple[Target, ...] = ()
    children: tuple[Target, ...] = ()
    subject: Target | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEX_TYPES

    def blobs(self) -> Iterator[Target]:
        """Every blob that it names: the configuration first, then the layers in order."""
        if self.config is not None:
            yield self.config
        yield from self.layers

    def descriptor(self, digest: Digest, size: int) -> Descriptor:
        """What the list of referrers says of it (distribution specification, Listing Referrers)."""
        artifact_type = self.artifact_type
        if not artifact_type and self.config is not None:
            artifact_type = self.config.media_type
        return Descriptor(
            self.media_type, digest, size, artifact_type or None, self.annotations or None
        )


class _Document(msgspec.Struct, frozen=True):
    """The JSON of every type in one: which fields may be there is checked by type."""

    schema_version: int = msgspec.field(name="schemaVersion", default=0)
    media_type: str | None = msgspec.field(name="mediaType", default=None)
    config: Target | None = None
    layers: tuple[Target, ...] | None = None
    manifests: tuple[Target, ...] | None = None
    subject: Target | None = None
    artifact_type: str | None = msgspec.field(name="artifactType", default=None)
    annotations: Mapping[str, str | None] | None = None


def _digest_hook(kind: type, value: Any) -> Any:
    if kind is not Digest:
        raise NotImplementedError(kind)
    if not isinstance(value, str):
        raise ValueError("a digest is a string")
    try:
        return Digest.parse(value)
    except DigestInvalid as error:
        raise ValueError(error.text) from None


_DECODER: Final = msgspec.json.Decoder(_Document, dec_hook=_digest_hook)


def parse(
    content: bytes, media_type: str | None = None, *, references_max: int = REFERENCES_MAX
) -> Manifest:
    """What the manifest in `content` says.

    `media_type` is what came as Content-Type; its parameters are ignored, and without it, or with
    `application/json`, the document decides. Raises ManifestInvalid, in words that name the field.
    """
    document = _decode(content)
    kind = _kind(document, (media_type or "").partition(";")[0].strip().lower())
    _check_form(document, kind)
    manifest = Manifest(
        kind,
        document.config,
        document.layers or (),
        document.manifests or (),
        document.subject,
        document.artifact_type,
        _without_nulls(document.annotations),
    )
    _check_targets(manifest, references_max)
    return manifest


def media_type_of(content: bytes) -> str:
    """The type that a stored document says it is, schema 1 included.

    Raises ManifestInvalid unless it is one that the registry knows: the type goes into a header.
    """
    document = _decode(content)
    if document.schema_version == 1:
        return _schema1_type(content)
    kind = document.media_type or _type_by_form(document)
    if document.schema_version != 2 or kind not in MANIFEST_TYPES:
        raise ManifestInvalid(message="the stored document is no manifest")
    return kind


class _Signed(msgspec.Struct, frozen=True):
    signatures: msgspec.Raw = msgspec.Raw()  # an empty one is never changed


def _schema1_type(content: bytes) -> str:
    signatures = bytes(msgspec.json.decode(content, type=_Signed).signatures)
    return SCHEMA1 if signatures in (b"", b"null") else SCHEMA1_SIGNED


def _decode(content: bytes) -> _Document:
    try:
        return _DECODER.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = reason_of(error, content)
        raise ManifestInvalid({"reason": reason}, message="the manifest cannot be read") from None


def _kind(document: _Document, content_type: str) -> str:
    stated = document.media_type
    kind = stated or _type_by_form(document) if content_type in ("", JSON) else content_type
    if kind not in MANIFEST_TYPES:
        raise ManifestInvalid(
            {"mediaType": kind[:256], "accepted": list(MANIFEST_TYPES)},
            message="a manifest of this type is not taken",
        )
    must_say = kind in (DOCKER_MANIFEST, DOCKER_LIST)
    if stated != kind and (must_say or stated is not None):
        raise ManifestInvalid(
            {"mediaType": (stated or "")[:256], "Content-Type": kind},
            message="mediaType in the manifest and Content-Type differ",
        )
    return kind


def _type_by_form(document: _Document) -> str:
    return OCI_INDEX if document.manifests is not None else OCI_MANIFEST


def _check_form(document: _Document, kind: str) -> None:
    """An index is no manifest and a manifest no index (CVE-2021-41190)."""
    if document.schema_version != 2:
        raise ManifestInvalid(
            {"schemaVersion": document.schema_version}, message="schemaVersion must be 2"
        )
    if kind in INDEX_TYPES:
        if document.config is not None or document.layers is not None:
            raise ManifestInvalid(message="an index has neither config nor layers")
    elif document.manifests is not None:
        raise ManifestInvalid(message="a manifest that is no index has no manifests")
    elif document.config is None:
        raise ManifestInvalid(message="the manifest has no config")


def _check_targets(manifest: Manifest, references_max: int) -> None:
    targets = [*manifest.blobs(), *manifest.children]
    if manifest.subject is not None:
        targets.append(manifest.subject)
    if len(targets) > references_max:
        raise ManifestInvalid(
            {"limit": references_max, "references": len(targets)},
            message="the manifest names more content than is allowed",
        )
    for target in targets:
        if not target.digest or target.size < 0:
            raise ManifestInvalid(
                {"digest": target.digest, "size": target.size},
                message="a descriptor needs a digest and a size",
            )


def _without_nulls(annotations: Mapping[str, str | None] | None) -> Mapping[str, str] | None:
    if annotations is None:
        return None
    return {key: value or "" for key, value in annotations.items()}

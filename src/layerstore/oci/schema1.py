"""Schema 1: what its payload says, and how an image of schema 2 is told in it.

The manifest of the seed: a name, a tag, layers with a history entry each, the newest first. Its
signatures are `signed.py`'s. `parse` reads what was stored at any time, `mismatches` is what a push
has to fit, and `made_of` makes a payload for clients that know no other schema (registry-facts
§1.10), equal byte for byte to what the original makes.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import msgspec

from layerstore.oci.descriptor import JSON, SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    DigestInvalid,
    ManifestInvalid,
    ManifestNotAcceptable,
    NameInvalid,
    RegistryError,
    TagInvalid,
)
from layerstore.oci.manifest import REFERENCES_MAX, Manifest, Target
from layerstore.oci.manifest import parse as parse_manifest
from layerstore.oci.name import Name, Tag
from layerstore.oci.tarsum import TarSum, parse_digest
from layerstore.oci.unreadable import reason_of

SCHEMA1_TYPES: Final = frozenset({SCHEMA1, SCHEMA1_SIGNED})

EMPTY_LAYER: Final = bytes.fromhex(
    "1f8b080000096e8800ff621805a360148c5800080000ffff2eafb5ef00040000"
)
"""An empty tar file, compressed: the layer of history entries that changed no file."""

EMPTY_LAYER_DIGEST: Final = Digest.of(EMPTY_LAYER)

CONFIG_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of an image's configuration that is told in schema 1."""

_INDENT: Final = "   "
_ERRORS_TOLD_MAX: Final = 100
_NEVER: Final = "0001-01-01T00:00:00Z"
_BASE_ID_LENGTH: Final = 64
_FRACTION_DIGITS_MAX: Final = 9
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
T = TypeVar("T")
_ESCAPES: Final = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"})


class FsLayer(msgspec.Struct, frozen=True):
    """A layer by its digest; a TarSum in manifests of before 2.3."""

    blob_sum: str = msgspec.field(name="blobSum")


class History(msgspec.Struct, frozen=True):
    """An image's configuration as JSON within a string; the registry does not look into it."""

    v1_compatibility: str = msgspec.field(name="v1Compatibility")


class Schema1(msgspec.Struct, frozen=True):
    """The members of a payload, in the order in which they are written."""

    schema_version: int = msgspec.field(name="schemaVersion")
    name: str
    tag: str
    architecture: str = ""
    layers: tuple[FsLayer, ...] = msgspec.field(name="fsLayers", default=())
    history: tuple[History, ...] = ()

    def mismatches(self, name: Name, tags: Sequence[Tag]) -> list[RegistryError]:
        """All that keeps the manifest from being pushed under this name and these tags."""
        errors: list[RegistryError] = []
        if self.name != name:
            errors.append(NameInvalid({"name": name}, message="manifest name did not match URI"))
        errors += [TagInvalid({"tag": tag}) for tag in tags if tag != self.tag]
        if len(self.history) != len(self.layers):
            errors.append(
                ManifestInvalid(
                    {"history": len(self.history), "fsLayers": len(self.layers)},
                    message="history and fsLayers have to be of equal length",
                )
            )
        return (errors + self._unknown_digests())[:_ERRORS_TOLD_MAX]

    def _unknown_digests(self) -> list[RegistryError]:
        return [
            ManifestInvalid({"blobSum": layer.blob_sum[:256]}, message="not a digest that is taken")
            for layer in self.layers
            if not _is_taken(layer.blob_sum)
        ]

    @property
    def manifest(self) -> Manifest:
        """What the registry acts on: the layers, but for those of a TarSum."""
        targets = (Target(digest=d) for d in self.digests if not isinstance(d, TarSum))
        return Manifest(SCHEMA1_SIGNED, layers=tuple(targets))

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The layers, the newest first, each once; a TarSum is found by its link only."""
        found = dict.fromkeys(_digest(layer.blob_sum) for layer in self.layers)
        return tuple(digest for digest in found if digest is not None)


def is_schema1(content: bytes, media_type: str | None) -> bool:
    """Whether a pushed document is one by its type; without a telling one the document decides."""
    kind = (media_type or "").partition(";")[0].strip().lower()
    if kind not in ("", JSON):
        return kind in SCHEMA1_TYPES
    try:
        return msgspec.json.decode(content, type=_Version).schema_version == 1
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def parse(payload: bytes, *, layers_max: int = REFERENCES_MAX) -> Schema1:
    """What the payload says. Raises ManifestInvalid, in words that name the member."""
    facts = _decoded(payload, Schema1)
    if facts.schema_version != 1:
        raise ManifestInvalid(
            {"schemaVersion": str(facts.schema_version)[:32]}, message="schemaVersion must be 1"
        )
    if max(len(facts.layers), len(facts.history)) > layers_max:
        raise ManifestInvalid(
            {"limit": layers_max}, message="the manifest names more layers than is allowed"
        )
    return facts


def check_members(payload: bytes) -> None:
    """Raise ManifestInvalid when the payload says different things to different readers.

    It does when it has members of another schema, and when it has one that programs in Go would
    take for a known one: they do not tell upper case from lower.
    """
    for name in _decoded(payload, dict[str, msgspec.Raw]):
        ambiguous = name.casefold() in _FOLDED and name not in _KNOWN
        if ambiguous or name.casefold() in _OF_OTHER_SCHEMAS:
            raise ManifestInvalid({"member": name[:64]}, message="schema 1 has no such member")


def parse_stored(content: bytes, media_type: str) -> Manifest:
    """What a stored manifest of any type names, schema 1 among them. Raises ManifestInvalid.

    For what has to see every reference: layers of a TarSum are in `parse(content).digests` only.
    """
    if media_type in SCHEMA1_TYPES:
        return parse(content).manifest
    return parse_manifest(content, media_type)


def made_of(manifest: Manifest, config: bytes, name: Name, tag: Tag) -> bytes:
    """The payload that tells an image of schema 2 to a client that knows schema 1 only.

    Raises ManifestNotAcceptable for an image that schema 1 cannot tell: one whose configuration
    has no history, or another number of layers than the manifest.
    """
    image = _image(config)
    blobs = _blob_sums(image, manifest)
    entries = _entries(image, blobs, config)
    whole = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": image.architecture,
        "fsLayers": [{"blobSum": str(blob)} for blob in reversed(blobs)],
        "history": [{"v1Compatibility": entry} for entry in reversed(entries)],
    }
    return _as_go_writes(json.dumps(whole, ensure_ascii=False, indent=_INDENT)).encode()


class _Version(msgspec.Struct, frozen=True):
    schema_version: int = msgspec.field(name="schemaVersion", default=0)


class _Step(msgspec.Struct, frozen=True):
    """An entry of a configuration's history (image specification, Image Configuration)."""

    created: str | None = None
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class _RootFs(msgspec.Struct, frozen=True):
    diff_ids: tuple[str, ...] | None = ()
    base_layer: str = ""


class _Image(msgspec.Struct, frozen=True):
    architecture: str = ""
    history: tuple[_Step, ...] | None = ()
    rootfs: _RootFs = _RootFs()


_KNOWN: Final = frozenset(field.encode_name for field in msgspec.structs.fields(Schema1)) | {
    "signatures",
    "mediaType",
}
_FOLDED: Final = frozenset(name.casefold() for name in _KNOWN)
_OF_OTHER_SCHEMAS: Final = frozenset({"config", "layers", "manifests"})


def _decoded(payload: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = reason_of(error, payload)
        raise ManifestInvalid({"reason": reason}, message="the manifest cannot be read") from None


def _digest(text: str) -> Digest | None:
    try:
        return parse_digest(text)
    except DigestInvalid:
        return None


def _is_taken(text: str) -> bool:
    digest = _digest(text)
    return digest is not None and not isinstance(digest, TarSum)


def _image(config: bytes) -> _Image:
    try:
        config.decode()  # what is passed over when it is read is written all the same
        return msgspec.json.decode(config, type=_Image)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _untellable("its configuration is none of an image") from None


def _untellable(reason: str) -> ManifestNotAcceptable:
    return ManifestNotAcceptable(message=f"the image cannot be told in schema 1: {reason}")


def _blob_sums(image: _Image, manifest: Manifest) -> list[Digest]:
    """The layer of every entry of the history, the oldest first."""
    history, layers = image.history or (), iter(manifest.layers)
    if not history:
        raise _untellable("its configuration has no history")
    filled = sum(not step.empty_layer for step in history)
    if not len(manifest.layers) == len(image.rootfs.diff_ids or ()) == filled:
        raise _untellable("history, diff_ids and layers are not equally many")
    return [EMPTY_LAYER_DIGEST if step.empty_layer else next(layers).digest for step in history]


def _entries(image: _Image, blobs: Sequence[Digest], config: bytes) -> list[str]:
    """The entry of each layer, the oldest first; the last one is the image's configuration."""
    entries: list[str] = []
    parent = ""
    *steps, last = image.history or ()
    for step, blob in zip(steps, blobs, strict=False):
        identity = _identity(blob, parent)
        if not entries and image.rootfs.base_layer:
            parent = _base_identity(image.rootfs.base_layer)
        entries.append(_entry(step, identity, parent))
        parent = identity
    identity = _identity(blobs[-1], parent, config)
    entries.append(_top_entry(config, identity, parent, thrown_away=last.empty_layer))
    return entries


def _identity(blob: Digest, *parts: str | bytes) -> str:
    words = [part if isinstance(part, bytes) else part.encode() for part in (blob.hex, *parts)]
    return hashlib.sha256(b" ".join(words)).hexdigest()


def _base_identity(base_layer: str) -> str:
    """The layer below the first one, which only Windows has."""
    return hashlib.sha384(base_layer.encode()).hexdigest()[:_BASE_ID_LENGTH]


def _entry(step: _Step, identity: str, parent: str) -> str:
    members = {
        "id": identity,
        "parent": parent,
        "comment": step.comment,
        "created": _moment(step.created),
        "container_config": {"Cmd": [step.created_by]},
        "author": step.author,
        "throwaway": step.empty_layer,
    }
    filled = {key: value for key, value in members.items() if value}
    return _as_go_writes(json.dumps(filled, ensure_ascii=False, separators=(",", ":")))


def _top_entry(config: bytes, identity: str, parent: str, *, thrown_away: bool) -> str:
    """The configuration itself, its members kept as they are written, in the order of names."""
    # Any: members of the configuration that nobody looks into, and a few of ours.
    members: dict[str, Any] = msgspec.json.decode(config, type=dict[str, msgspec.Raw])
    own = {"id": identity, "parent": parent, "throwaway": thrown_away}
    members |= {key: value for key, value in own.items() if value}
    kept = {key: members[key] for key in sorted(members) if key not in ("rootfs", "history")}
    return _as_go_writes(msgspec.json.format(msgspec.json.encode(kept), indent=-1).decode())


def _moment(text: str | None) -> str:
    """A moment as Go writes it: no zeros at the end of a fraction, Z for no offset."""
    if text is None:
        return _NEVER
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise _untellable("its history has a time that is none")
    fraction = (found[2] or "")[:_FRACTION_DIGITS_MAX].rstrip("0")
    offset = "Z" if found[3] in ("Z", "+00:00", "-00:00") else found[3]
    return found[1] + (f".{fraction}" if fraction else "") + offset


def _as_go_writes(document: str) -> str:
    """Go's encoder escapes five characters that JSON does not; none stands outside a string."""
    return document.translate(_ESCAPES)

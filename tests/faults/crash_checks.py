"""Whether a storage is what a registry may leave behind: its files against the invariants.

Read from the files alone: I1 (a blob is whole and right), I2 (a link is the exact digest), I3 (what
comes later in the order of writes does not stand without what comes before it), I5 (what was
acknowledged is there, or gone). Of the registry's code only the map of the paths is used.

Files that are written as one batch may come in any order on a disk that keeps none. What was not
acknowledged yet may stand there without the rest of its batch, for it counts as absent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid
from layerstore.oci.hashstate import resume_hasher
from layerstore.oci.name import Name
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    Recognised,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    TagIndex,
    UploadData,
    UploadHashState,
    recognise,
)
from tests.faults.crash_story import ANYTHING, Claims
from tests.faults.replay import Tree

recognised = lru_cache(maxsize=None)(recognise)


@lru_cache(maxsize=4096)
def digest_of(content: bytes) -> Digest:
    return Digest.parse(f"sha256:{hashlib.sha256(content).hexdigest()}")


def wrong_with(tree: Tree, claims: Claims, states: frozenset[bytes] = frozenset()) -> Iterator[str]:
    """Everything in which the files break an invariant or what was acknowledged.

    `states` are hash states that a registry wrote, as opposed to what a disk made of them.
    """
    for path, content in tree.items():
        found = recognised(path) if content is not None else None
        if ANYTHING in claims.get(path, ()):
            continue
        if found is not None and content is not None:
            is_whole = tree.is_ordered or None not in claims.get(path, (None,))
            yield from _wrong_file(tree, path, found, content, states, is_whole)
    for path, allowed in claims.items():
        if tree.get(path) not in allowed and ANYTHING not in allowed:
            yield f"I5: {_told(tree.get(path))} where {' or '.join(map(_told, allowed))}: {path}"


def _told(content: bytes | None) -> str:
    return "nothing" if content is None else f"{len(content)} bytes ({content[:20]!r}…)"


def _wrong_file(
    tree: Tree,
    path: str,
    found: Recognised,
    content: bytes,
    states: frozenset[bytes],
    is_whole: bool,
) -> Iterator[str]:
    match found:
        case BlobData(digest):
            if digest_of(content) != digest:
                yield f"I1: a blob has other bytes: {path}"
        case UploadHashState():
            if content in states:
                yield from _wrong_state(tree, found, content)
        case LayerLink() | RevisionLink() | SignatureLink() | ReferrerLink() | TagIndex():
            yield from _wrong_link(tree, path, found, found[-1], content, is_whole)
        case TagCurrent():
            try:
                digest = Digest.parse(content.decode())
            except (DigestInvalid, UnicodeDecodeError):
                yield f"I2: a tag holds no digest: {path}"
            else:
                yield from _wrong_link(tree, path, found, digest, content, is_whole)


def _wrong_link(
    tree: Tree, path: str, found: Recognised, digest: Digest, content: bytes, is_whole: bool
) -> Iterator[str]:
    if content != digest.encode():
        yield f"I2: a link holds {content[:80]!r}: {path}"
    for needed in before(tree, found, digest):
        if isinstance(needed, TagIndex) and not tree.is_ordered:
            continue
        if is_whole and tree.get(needed.path) is None:
            yield f"I3: {path} stands without {needed.path}"


def before(tree: Tree, found: Recognised, digest: Digest) -> Iterator[Any]:
    """What has to be there when this is (I3)."""
    match found:
        case LayerLink() | SignatureLink():
            yield BlobData(digest)
        case TagCurrent(name, tag):
            yield TagIndex(name, tag, digest)
            yield RevisionLink(name, digest)
        case ReferrerLink(name):
            yield RevisionLink(name, digest)
        case RevisionLink(name):
            yield BlobData(digest)
            yield from _named_by(name, tree.get(BlobData(digest).path) or b"{}")
    if isinstance(found, SignatureLink):
        yield RevisionLink(found.name, found.revision)


@lru_cache(maxsize=4096)
def _named_by(name: Name, manifest: bytes) -> tuple[LayerLink | RevisionLink, ...]:
    """What a manifest refers to; nothing when its bytes are no document (I1 tells that)."""
    try:
        document = msgspec.json.decode(manifest)
    except msgspec.DecodeError:
        return ()
    layers = [each["digest"] for each in document.get("layers", [])]
    layers += [each["blobSum"] for each in document.get("fsLayers", [])]
    layers += [document["config"]["digest"]] if "config" in document else []
    children = [each["digest"] for each in document.get("manifests", [])]
    return (
        *(LayerLink(name, Digest.parse(digest)) for digest in layers),
        *(RevisionLink(name, Digest.parse(digest)) for digest in children),
    )


def _wrong_state(tree: Tree, found: UploadHashState, content: bytes) -> Iterator[str]:
    """A hash state describes only bytes that were synced before it (architecture §4)."""
    data = tree.get(UploadData(found.name, found.upload_id).path)
    if data is None or len(data) != found.offset:
        return
    hasher = resume_hasher(found.algorithm, content, found.offset)
    if hasher is not None and hasher.digest() != digest_of(data):
        yield f"a hash state describes bytes that are not there: {found.path}"

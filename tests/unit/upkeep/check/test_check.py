"""Each kind of damage is found where it is, mended where it can be, and not found again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from layerstore.oci import signed
from layerstore.oci.digest import Digest
from layerstore.oci.hashstate import new_hasher
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    TagIndex,
    UploadData,
    UploadHashState,
    UploadStarted,
    layers_folder,
    recognise,
    signatures_folder,
    tag_folder,
)
from layerstore.upkeep.check.findings import Kind
from tests.unit.oci.signers import SIGNED_AT, host
from tests.unit.upkeep.check.conftest import (
    ARTIFACT,
    IMAGE,
    INDEX,
    LATEST,
    LAYER_OF_OLD,
    NAME,
    OTHER,
    PAYLOAD,
    SECOND,
    Tree,
    digest,
    kinds,
    push_all,
    push_image_only,
)

UNKNOWN = Digest.of(b"nobody pushed this")
BROKEN = (
    b"",
    b"sha256:1234",
    b"\xff" * 10,
    str(UNKNOWN).encode(),
    str(digest(IMAGE)).encode() + b"\n",
)


class Damage(NamedTuple):
    """What is done to a tree, what is found, and what of that is left after a repair."""

    done: Callable[[Tree], Awaitable[None]]
    found: list[Kind]
    left: list[Kind]


def rewriting(path: str, content: bytes) -> Callable[[Tree], Awaitable[None]]:
    return lambda tree: tree.driver.put(path, content)


def removing(path: str) -> Callable[[Tree], Awaitable[None]]:
    return lambda tree: tree.driver.delete(path)


def flipping(path: str) -> Callable[[Tree], Awaitable[None]]:
    return lambda tree: tree.flip(path)


async def lose_layers_folder(tree: Tree) -> None:
    """As a push of nothing but an index leaves it where `_layers` is not seen to."""
    only = tree.registry.repository(OTHER)
    await only.manifests.delete(digest(IMAGE))
    await only.manifests.put(b'{"schemaVersion":2,"manifests":[]}', None)
    await tree.driver.delete(layers_folder(OTHER))


async def link_unneeded(tree: Tree) -> None:
    await tree.driver.put(LayerLink(OTHER, UNKNOWN).path, str(UNKNOWN).encode())


async def break_unneeded(tree: Tree) -> None:
    await tree.driver.put(LayerLink(OTHER, UNKNOWN).path, b"")


async def store_nonsense(tree: Tree) -> None:
    """A manifest that is none, linked as one."""
    content = b'{"schemaVersion":2,"mediaType":"application/x"}'
    await tree.driver.put(BlobData(digest(content)).path, content)
    await tree.driver.put(RevisionLink(OTHER, digest(content)).path, digest(content).encode())


async def forge_signature(tree: Tree) -> None:
    """A signature of another payload, kept beside the good one."""
    content = signed.sign(PAYLOAD.replace(b"amd64", b"arm64"), host(), SIGNED_AT).stored()
    await tree.driver.put(BlobData(digest(content)).path, content)
    link = SignatureLink(NAME, digest(PAYLOAD), digest(content))
    await tree.driver.put(link.path, digest(content).encode())


async def signature_of(tree: Tree) -> SignatureLink:
    folder = signatures_folder(NAME, digest(PAYLOAD))
    (found,) = [recognise(path) async for path, _ in tree.driver.walk(folder)]
    assert isinstance(found, SignatureLink)
    return found


async def lose_signature(tree: Tree) -> None:
    await tree.driver.delete(BlobData((await signature_of(tree)).signature).path)


async def empty_signature_link(tree: Tree) -> None:
    await tree.driver.put((await signature_of(tree)).path, b"")


async def refer_to_nothing(tree: Tree) -> None:
    link = ReferrerLink(NAME, digest(IMAGE), UNKNOWN)
    await tree.driver.put(link.path, UNKNOWN.encode())


async def refer_wrongly(tree: Tree) -> None:
    link = ReferrerLink(NAME, digest(SECOND), digest(ARTIFACT))
    await tree.driver.put(link.path, digest(ARTIFACT).encode())


async def tag_nothing(tree: Tree) -> None:
    """A tag whose current link was emptied and whose index is gone."""
    await tree.driver.delete(tag_folder(NAME, LATEST))
    await tree.driver.put(TagCurrent(NAME, LATEST).path, b"")


async def tag_ambiguously(tree: Tree) -> None:
    await tree.repository.manifests.put(SECOND, None, tags=[LATEST])
    await tree.driver.delete(TagCurrent(NAME, LATEST).path)


async def tag_what_is_not_here(tree: Tree) -> None:
    await tree.driver.put(TagCurrent(OTHER, LATEST).path, digest(SECOND).encode())


async def begin_upload(tree: Tree) -> str:
    return (await tree.repository.uploads.start()).id


async def lose_upload_data(tree: Tree) -> None:
    data = UploadData(NAME, await begin_upload(tree)).path
    await tree.driver.drop(data)


async def lose_upload_start(tree: Tree) -> None:
    upload = await begin_upload(tree)
    await tree.driver.put(UploadHashState(NAME, upload, "sha256", 0).path, b"none of ours")
    await tree.driver.delete(UploadStarted(NAME, upload).path)


async def spoil_hash_state(tree: Tree) -> None:
    upload = await begin_upload(tree)
    await tree.driver.put(UploadHashState(NAME, upload, "sha256", 0).path, b"none of ours")


async def leave_hash_state_ahead(tree: Tree) -> None:
    """The state of bytes that a power loss took."""
    upload, hasher = await begin_upload(tree), new_hasher()
    hasher.update(b"nine more")
    await tree.driver.put(UploadHashState(NAME, upload, "sha256", 9).path, hasher.state() or b"")


REVISION_GONE = [Kind.DANGLING_TAG, Kind.LOST_MANIFEST, Kind.MISSING_CHILD]

DAMAGES = {
    "the bytes of a layer": Damage(
        flipping(BlobData(digest(LAYER_OF_OLD)).path),
        [Kind.BAD_BYTES, Kind.MISSING_BLOB],
        [Kind.DANGLING_LINK, Kind.MISSING_BLOB],
    ),
    "a layer cut short": Damage(
        rewriting(BlobData(digest(LAYER_OF_OLD)).path, b""),
        [Kind.BAD_BYTES, Kind.MISSING_BLOB],
        [Kind.DANGLING_LINK, Kind.MISSING_BLOB],
    ),
    "a layer lost": Damage(
        removing(BlobData(digest(LAYER_OF_OLD)).path),
        [Kind.DANGLING_LINK, Kind.MISSING_BLOB],
        [Kind.DANGLING_LINK, Kind.MISSING_BLOB],
    ),
    "a layer not linked": Damage(
        removing(LayerLink(NAME, digest(LAYER_OF_OLD)).path),
        [Kind.MISSING_BLOB],
        [Kind.MISSING_BLOB],
    ),
    "a link to a lost blob that nothing needs": Damage(link_unneeded, [Kind.DANGLING_LINK], []),
    "an empty link to a blob that nothing needs": Damage(break_unneeded, [Kind.BROKEN_LINK], []),
    "an empty link to a layer": Damage(
        rewriting(LayerLink(NAME, digest(LAYER_OF_OLD)).path, b""),
        [Kind.BROKEN_LINK],
        [],
    ),
    "a layer's link that leads elsewhere": Damage(
        rewriting(LayerLink(NAME, digest(LAYER_OF_OLD)).path, UNKNOWN.encode()),
        [Kind.BROKEN_LINK],
        [],
    ),
    "no folder of layers": Damage(lose_layers_folder, [Kind.NO_LAYERS_FOLDER], []),
    "the bytes of a manifest": Damage(
        flipping(BlobData(digest(SECOND)).path),
        [Kind.BAD_BYTES, Kind.LOST_MANIFEST, Kind.MISSING_CHILD],
        [Kind.LOST_MANIFEST, Kind.MISSING_CHILD],
    ),
    "a manifest lost": Damage(
        removing(BlobData(digest(INDEX)).path),
        [Kind.DANGLING_TAG, Kind.LOST_MANIFEST],
        [Kind.DANGLING_TAG, Kind.LOST_MANIFEST],
    ),
    "a manifest that is none": Damage(store_nonsense, [Kind.BAD_MANIFEST], [Kind.BAD_MANIFEST]),
    "an empty link to a manifest": Damage(
        rewriting(RevisionLink(NAME, digest(SECOND)).path, b""),
        [Kind.BROKEN_LINK],
        [],
    ),
    "a child that is not linked": Damage(
        removing(RevisionLink(NAME, digest(SECOND)).path),
        [Kind.MISSING_CHILD],
        [Kind.MISSING_CHILD],
    ),
    "a signature that does not hold": Damage(forge_signature, [Kind.BAD_SIGNATURE], []),
    "a signature lost": Damage(lose_signature, [Kind.LOST_SIGNATURE], []),
    "an empty link to a signature": Damage(empty_signature_link, [Kind.BROKEN_LINK], []),
    "no referrer entry": Damage(
        removing(ReferrerLink(NAME, digest(IMAGE), digest(ARTIFACT)).path),
        [Kind.MISSING_REFERRER],
        [],
    ),
    "an empty referrer entry": Damage(
        rewriting(ReferrerLink(NAME, digest(IMAGE), digest(ARTIFACT)).path, b""),
        [Kind.BROKEN_LINK],
        [],
    ),
    "a referrer entry of no manifest": Damage(refer_to_nothing, [Kind.STALE_REFERRER], []),
    "a referrer entry of another subject": Damage(refer_wrongly, [Kind.STALE_REFERRER], []),
    "a tag without current": Damage(
        removing(TagCurrent(NAME, LATEST).path), [Kind.TAG_WITHOUT_CURRENT], []
    ),
    "a tag whose current is empty": Damage(
        rewriting(TagCurrent(NAME, LATEST).path, b""), [Kind.TAG_WITHOUT_CURRENT], []
    ),
    "a tag of which nothing is known": Damage(tag_nothing, [Kind.TAG_WITHOUT_CURRENT], []),
    "a tag that led to two manifests": Damage(
        tag_ambiguously, [Kind.TAG_WITHOUT_CURRENT], [Kind.TAG_WITHOUT_CURRENT]
    ),
    "a tag of a manifest elsewhere": Damage(
        tag_what_is_not_here, [Kind.DANGLING_TAG, Kind.TAG_NOT_IN_INDEX], [Kind.DANGLING_TAG]
    ),
    "a tag that its index does not have": Damage(
        removing(TagIndex(NAME, LATEST, digest(IMAGE)).path), [Kind.TAG_NOT_IN_INDEX], []
    ),
    "an empty entry of a tag's index": Damage(
        rewriting(TagIndex(NAME, LATEST, digest(IMAGE)).path, b""), [Kind.BROKEN_LINK], []
    ),
    "an upload without data": Damage(lose_upload_data, [Kind.UNFINISHED_UPLOAD], []),
    "a hash state of nothing": Damage(spoil_hash_state, [Kind.BAD_HASH_STATE], []),
    "a hash state ahead of the data": Damage(leave_hash_state_ahead, [Kind.BAD_HASH_STATE], []),
}


NEVER_PUSHED = {
    "a manifest that is none",
    "a tag of a manifest elsewhere",
    "a tag that its index does not have",
}
"""What no push heals: two of them nobody pushed, and a tag that leads right is not written anew."""


async def test_nothing_is_found_in_a_whole_tree(tree: Tree) -> None:
    assert await tree.check() == []
    assert tree.summary is not None
    assert (tree.summary.repositories, tree.summary.tags) == (2, 4)
    assert (tree.summary.manifests, tree.summary.blobs) == (6, 9)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
async def test_damage_is_found_and_mended(tree: Tree, damage: Damage) -> None:
    await damage.done(tree)
    before = await tree.files()
    assert kinds(await tree.damage()) == sorted(damage.found)
    assert await tree.files() == before, "a check without repair changed something"
    await tree.check(repairs=True)
    assert kinds(await tree.damage()) == sorted(damage.left)
    again = [each for each in await tree.check(repairs=True) if each.is_mended]
    assert again == []


@pytest.mark.parametrize("name", [name for name in DAMAGES if name not in NEVER_PUSHED])
async def test_pushing_everything_again_heals_what_a_repair_left(
    memory_tree: Tree, name: str
) -> None:
    await DAMAGES[name].done(memory_tree)
    await memory_tree.check(repairs=True)
    await push_all(memory_tree.repository)
    await push_image_only(memory_tree.registry.repository(OTHER))
    assert await memory_tree.damage() == []

"""A registry that starts on what a power failure left: it serves, and goes on.

The state is built as files, a registry is started on it as after a restart of the machine, and
everything is asked of it that was acknowledged. Then uploads are taken up, the step that was under
way is done again, and what is left is looked at like any other state.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from layerstore.oci.digest import Digest
from layerstore.oci.errors import BlobUnknown, BlobUploadUnknown, DigestInvalid, ManifestUnknown
from layerstore.oci.name import Name
from layerstore.registry.paths import (
    LayerLink,
    ReferrerLink,
    RevisionLink,
    TagCurrent,
    UploadData,
)
from layerstore.registry.repository import Repository
from tests.faults.crash_checks import recognised, wrong_with
from tests.faults.crash_points import SEED, State
from tests.faults.crash_story import ANYTHING, Ledger, World, blob_files, chunks
from tests.faults.recording import tree_below
from tests.faults.replay import Tree

STRANGER: Final = Name("stranger/app")
BEFORE_THE_RESTART_S: Final = 3600.0
ABSENT: Final = b"absent"


def build(root: Path, tree: Tree) -> None:
    """Make the files, all of them older than the restart of the machine."""
    then = time.time() - BEFORE_THE_RESTART_S  # noqa: TID251  # the clock of the file system
    for path in sorted(tree):
        content, place = tree[path], root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(content)
            os.utime(place, (then, then))
    for first, second in tree.shared:
        (root / second[1:]).unlink()
        (root / second[1:]).hardlink_to(root / first[1:])


async def wrong_after_restart(
    root: Path, state: State, intended: Mapping[str, bytes]
) -> AsyncIterator[str]:
    """Everything that a registry started on the built state does not do as it should."""
    restart = datetime.now(UTC) - timedelta(seconds=BEFORE_THE_RESTART_S / 2)
    ledger = Ledger(state.moment.claims)
    with closing(World(root, ledger, SEED + 1, states_since=restart)) as world:
        async for reason in _wrong_answers(world):
            yield reason
        async for reason in _wrong_listings(world):
            yield reason
        async for reason in _wrong_uploads(world, state.tree, intended):
            yield reason
        await state.moment.step(world)
        await world.driver.tidy()
    for reason in wrong_with(Tree(tree_below(root)), ledger.claims):
        yield f"done again: {reason}"


async def _wrong_answers(world: World) -> AsyncIterator[str]:
    """What is served is what may be there."""
    for path, allowed in world.ledger.claims.items():
        found = recognised(path)
        if not isinstance(found, (LayerLink, RevisionLink, TagCurrent, ReferrerLink)):
            continue
        served = await _served(world.repository(found.name), found)
        if ANYTHING not in allowed and served not in {
            ABSENT if content is None else content for content in allowed
        }:
            yield f"{path} is served as {served!r}"
        stranger = world.repository(STRANGER).blobs
        if isinstance(found, LayerLink) and await stranger.has(found.digest):
            yield f"I4: a stranger sees {found.digest}"


async def _served(
    repository: Repository, found: LayerLink | RevisionLink | TagCurrent | ReferrerLink
) -> bytes:
    """The digest of what is served there; ABSENT where nothing is."""
    try:
        match found:
            case LayerLink(_, digest):
                blob = await repository.blobs.stat(digest)
                content = b"".join([piece async for piece in blob.read()])
                return Digest.of(content).encode()
            case RevisionLink(_, digest):
                return Digest.of((await repository.manifests.kept(digest)).content).encode()
            case TagCurrent(_, tag):
                await repository.manifests.get(tag)
                return (await repository.tags.current(tag)).encode()
            case ReferrerLink(_, subject, referrer):
                listed = [each.digest async for each in repository.referrers.of(subject)]
                return referrer.encode() if referrer in listed else ABSENT
    except (BlobUnknown, ManifestUnknown):
        return ABSENT


async def _wrong_listings(world: World) -> AsyncIterator[str]:
    """Whatever is listed can be asked for, by whoever may see it."""
    async for name in world.registry.catalog():
        repository = world.repository(name)
        async for tag in repository.tags.names():
            with suppress(ManifestUnknown):
                got = await repository.manifests.get(tag)
                if not got.content:
                    yield f"{name}:{tag} is empty"


async def _wrong_uploads(
    world: World, tree: Tree, intended: Mapping[str, bytes]
) -> AsyncIterator[str]:
    """An upload may be shorter or gone, and is never published with bytes that do not fit."""
    for path in tree:
        found = recognised(path)
        if not isinstance(found, UploadData):
            continue
        content = intended[found.upload_id]
        with world.ledger.changing(blob_files(found.name, content)):
            try:
                size = await _take_up(world.repository(found.name), found.upload_id, content)
            except (BlobUploadUnknown, DigestInvalid):
                size = 0
            await world.push_blob(found.name, content)
        if size > len(content):
            yield f"upload {found.upload_id} has {size} bytes of {len(content)}"


async def _take_up(repository: Repository, upload_id: str, content: bytes) -> int:
    """Send what is missing and commit, as a client does; how much was there.

    Where nothing is missing a byte too many is sent first: it must change nothing but the upload.
    """
    session = await repository.uploads.resume(upload_id)
    size = session.size
    await session.append(chunks(content[size:] or b"more"))
    if size == len(content):
        await session.cancel()
    else:
        await session.commit(Digest.of(content))
    return size

"""Damaged bytes are put aside, kept, never served, and replaced by pushing them again."""

from __future__ import annotations

import random  # noqa: TID251  # the bits that flip come from a seed
from typing import Final

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.errors import BlobUnknown, ManifestUnknown
from layerstore.registry.paths import BlobData, Quarantined, SignatureLink, recognise
from layerstore.storage.driver import NO_FILES, Files, PathNotFound
from layerstore.storage.memory import MemoryDriver
from layerstore.upkeep.check.findings import Kind
from tests.unit.registry.conftest import LAYER, push_blobs
from tests.unit.upkeep.check.conftest import (
    IMAGE,
    LATEST,
    NAME,
    OTHER,
    SECOND,
    Tree,
    digest,
    kinds,
    push_all,
)

BLOBS: Final = 1000
FLIPPED: Final = 10


async def test_damaged_bytes_are_kept_aside(tree: Tree) -> None:
    blob = digest(LAYER)
    await tree.flip(BlobData(blob).path)
    damaged = await tree.driver.get(BlobData(blob).path)
    await tree.check(repairs=True)
    assert await tree.driver.get(Quarantined(blob, 1).path) == damaged
    with pytest.raises(PathNotFound):
        await tree.driver.stat(BlobData(blob).path)
    assert Kind.NO_DATA not in kinds(await tree.check())


async def test_a_blob_that_was_put_aside_is_unknown_until_it_is_pushed_again(tree: Tree) -> None:
    blob = digest(LAYER)
    await tree.flip(BlobData(blob).path)
    await tree.check(repairs=True)
    with pytest.raises(BlobUnknown):
        await tree.repository.blobs.stat(blob)
    other = tree.registry.repository(NAME)
    await push_blobs(other, LAYER)
    found = await tree.repository.blobs.stat(blob)
    assert b"".join([piece async for piece in found.read()]) == LAYER
    assert kinds(await tree.check()) == [Kind.QUARANTINED]


async def test_a_push_elsewhere_makes_a_blob_whole_for_all(tree: Tree) -> None:
    """Links to what was put aside stay, needed or not, so that nobody else has to push it."""
    content, other = b"which no manifest names", tree.registry.repository(OTHER)
    await push_blobs(other, content)
    await tree.flip(BlobData(digest(content)).path)
    await tree.check(repairs=True)
    assert not await other.blobs.has(digest(content))
    await push_blobs(tree.repository, content)
    assert await other.blobs.has(digest(content))
    assert await tree.damage() == []


@pytest.mark.parametrize("content", [True, False])
async def test_a_signature_that_was_put_aside_holds_again_once_it_is_pushed(
    tree: Tree, content: bool
) -> None:
    (signature,) = [
        place.signature
        for place in map(recognise, await tree.files())
        if isinstance(place, SignatureLink)
    ]
    await tree.flip(BlobData(signature).path)
    for _ in range(2):
        found = kinds(await tree.check(content=content, repairs=True))
        assert Kind.LOST_SIGNATURE in found
        assert Kind.BAD_SIGNATURE not in found
    await push_all(tree.repository)
    assert await tree.damage() == []


async def test_a_manifest_that_was_put_aside_is_unknown_until_it_is_pushed_again(
    tree: Tree,
) -> None:
    await tree.flip(BlobData(digest(IMAGE)).path)
    await tree.check(repairs=True)
    for reference in (digest(IMAGE), LATEST):
        with pytest.raises(ManifestUnknown):
            await tree.repository.manifests.get(reference)
    await tree.repository.manifests.put(IMAGE, None)
    assert (await tree.repository.manifests.get(LATEST)).content == IMAGE


async def test_a_manifest_is_checked_and_put_aside_without_reading_other_blobs(
    tree: Tree,
) -> None:
    for content in (SECOND, LAYER):
        await tree.flip(BlobData(digest(content)).path)
    found = [each for each in await tree.check(content=False) if each.kind is Kind.BAD_BYTES]
    assert [each.digest for each in found] == [digest(SECOND)]
    await tree.check(content=False, repairs=True)
    assert await tree.driver.stat(Quarantined(digest(SECOND), 1).path)


async def test_each_damaged_copy_is_kept(tree: Tree) -> None:
    blob = digest(LAYER)
    for _ in range(2):
        await tree.flip(BlobData(blob).path)
        await tree.check(repairs=True)
        await push_blobs(tree.repository, LAYER)
    for number in (1, 2):
        assert await tree.driver.get(Quarantined(blob, number).path) != LAYER


async def test_good_bytes_in_the_quarantine_are_given_back(tree: Tree) -> None:
    """As a repair leaves them that was killed just after a push had been faster."""
    await tree.driver.move(BlobData(digest(LAYER)).path, Quarantined(digest(LAYER), 1).path)
    assert Kind.WHOLE_IN_QUARANTINE in kinds(await tree.damage())
    await tree.check(repairs=True)
    assert await tree.check() == []


class BesidePusher(MemoryDriver):
    """Somebody pushes a blob again at the moment when it is moved away."""

    content: bytes | None = None

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        content, self.content = self.content, None
        if content is not None:
            await self.put(source, content)
        await super().move(source, target, size, beside)


async def test_a_push_that_is_faster_than_the_repair_is_not_undone() -> None:
    driver = BesidePusher(SystemClock())
    tree = Tree(driver, None)
    await tree.fill()
    await tree.flip(BlobData(digest(LAYER)).path)
    driver.content = LAYER
    assert Kind.BAD_BYTES not in kinds(await tree.check(repairs=True))
    assert await driver.get(BlobData(digest(LAYER)).path) == LAYER
    assert await tree.check() == []


async def test_a_blob_that_was_pushed_again_since_it_was_hashed_is_not_touched() -> None:
    driver = Moving(SystemClock())
    tree = Tree(driver, None)
    await tree.fill()
    await tree.flip(BlobData(digest(LAYER)).path)
    (finding,) = [each for each in await tree.check() if each.kind is Kind.BAD_BYTES]
    await driver.put(BlobData(digest(LAYER)).path, LAYER)
    driver.moves = 0
    assert finding.mend is not None
    assert not await finding.mend()
    assert driver.moves == 0


class Moving(MemoryDriver):
    """Counts what is moved."""

    moves = 0

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        self.moves += 1
        await super().move(source, target, size, beside)


async def test_what_lies_in_the_quarantine_is_not_read_when_no_content_is(tree: Tree) -> None:
    await tree.driver.move(BlobData(digest(LAYER)).path, Quarantined(digest(LAYER), 1).path)
    found = kinds(await tree.check(content=False))
    assert Kind.QUARANTINED in found
    assert Kind.WHOLE_IN_QUARANTINE not in found


@pytest.mark.parametrize("seed", [1, 2])
async def test_bits_flipped_in_one_of_a_hundred_blobs_are_all_found(seed: int) -> None:
    chance = random.Random(seed)
    contents = [chance.randbytes(chance.randrange(1, 400)) for _ in range(BLOBS)]
    tree = Tree(MemoryDriver(SystemClock()), None)
    await push_blobs(tree.repository, *contents)
    flipped = {digest(content) for content in chance.sample(contents, FLIPPED)}
    for each in flipped:
        path = BlobData(each).path
        content = bytearray(await tree.driver.get(path))
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        await tree.driver.put(path, bytes(content))
    found = await tree.damage()
    assert {each.digest for each in found if each.kind is Kind.BAD_BYTES} == flipped
    assert len(found) == FLIPPED
    await tree.check(repairs=True)
    await push_blobs(tree.repository, *contents)
    assert await tree.damage() == []

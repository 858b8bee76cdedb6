"""Whatever happens to the files of a storage: a repair leaves nothing wrong to be served.

What is served has the digest that it was asked for by; nobody's bytes are lost by the repair; a
second one finds nothing to do; and pushing everything again makes the whole storage whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import RegistryError
from layerstore.oci.name import Tag
from layerstore.registry.paths import BlobData, Quarantined, recognise
from layerstore.registry.repository import Repository
from layerstore.storage.memory import MemoryDriver
from tests.unit.registry.conftest import CONFIG, LAYER
from tests.unit.upkeep.check.conftest import (
    ARTIFACT,
    IMAGE,
    INDEX,
    LATEST,
    LAYER_OF_OLD,
    LISTED,
    NAME,
    OTHER,
    SECOND,
    Tree,
    push_all,
    push_image_only,
)

BLOBS = (CONFIG, LAYER, LAYER_OF_OLD)
MANIFESTS = (IMAGE, SECOND, INDEX, ARTIFACT)
TAGS = {LATEST: IMAGE, LISTED: INDEX}

Spoil = Callable[[bytes, int], bytes | None]
"""What becomes of a file's content; None takes the file away. The number is drawn."""

SPOILS: dict[str, Spoil] = {
    "removed": lambda _, __: None,
    "emptied": lambda _, __: b"",
    "cut": lambda content, number: content[: number % (len(content) + 1)],
    "longer": lambda content, number: content + b"\n" * (number % 3 + 1),
    "flipped": lambda content, number: flipped(content, number),
    "elsewhere": lambda _, number: Digest.of(b"%d" % (number % 3)).encode(),
    "another": lambda _, number: Digest.of((*BLOBS, *MANIFESTS)[number % 7]).encode(),
}


class Blow(NamedTuple):
    """One file is spoilt; which one, and how, goes by numbers."""

    file: int
    kind: str
    number: int


BLOWS = st.builds(
    Blow, st.integers(0, 10_000), st.sampled_from(sorted(SPOILS)), st.integers(0, 9999)
)


def flipped(content: bytes, number: int) -> bytes:
    if not content:
        return b"\0"
    changed = bytearray(content)
    changed[number % len(content)] ^= 1 << number % 8
    return bytes(changed)


@cache
def template() -> dict[str, bytes]:
    """Every file of a whole storage."""
    tree = Tree(MemoryDriver(SystemClock()), None)

    async def files() -> dict[str, bytes]:
        await tree.fill()
        return {path: content for path, (_, content) in (await tree.files()).items()}

    return asyncio.run(files())


def spoilt_files(blows: list[Blow]) -> dict[str, bytes]:
    """The files of a storage of which some are spoilt."""
    files = dict(template())
    for blow in blows:
        path = sorted(files)[blow.file % len(files)]
        spoilt = SPOILS[blow.kind](files[path], blow.number)
        if spoilt is None:
            del files[path]
        else:
            files[path] = spoilt
    return files


async def stored(files: dict[str, bytes]) -> Tree:
    tree = Tree(MemoryDriver(SystemClock()), None)
    for path, content in files.items():
        await tree.driver.put(path, content)
    return tree


async def kept(tree: Tree) -> set[bytes]:
    """All contents, wherever they lie."""
    found = set()
    for path, (_, content) in (await tree.files()).items():
        if isinstance(recognise(path), BlobData | Quarantined):
            found.add(content)
    return found


async def assert_served_right(repository: Repository) -> None:
    """An error or the right bytes, for everything that was ever pushed."""
    for content in MANIFESTS:
        await manifest_is(repository, Digest.of(content), content)
    for tag, content in TAGS.items():
        await manifest_is(repository, tag, content)
    for content in BLOBS:
        try:
            blob = await repository.blobs.stat(Digest.of(content))
        except RegistryError:
            continue
        assert b"".join([piece async for piece in blob.read()]) == content


async def manifest_is(repository: Repository, reference: Digest | Tag, content: bytes) -> None:
    """By a tag it may be another one, if a link was spoilt so that it leads there."""
    try:
        stored = await repository.manifests.kept(
            reference if isinstance(reference, Digest) else await repository.tags.current(reference)
        )
    except RegistryError:
        return
    assert Digest.of(stored.content) == stored.digest
    assert stored.content == content or not isinstance(reference, Digest)


@given(st.lists(BLOWS, min_size=1, max_size=8))
@settings(max_examples=30)
def test_a_repair_leaves_nothing_wrong_and_loses_nothing(blows: list[Blow]) -> None:
    files = spoilt_files(blows)

    async def story() -> None:
        tree = await stored(files)
        before = await kept(tree)
        await tree.check(repairs=True)
        assert before <= await kept(tree)
        for name in (NAME, OTHER):
            await assert_served_right(tree.registry.repository(name))
        again = [each for each in await tree.check(repairs=True) if each.is_mended]
        assert again == []

    asyncio.run(story())


@given(st.lists(BLOWS, min_size=1, max_size=8))
@settings(max_examples=30)
def test_pushing_everything_again_after_a_repair_heals_everything(blows: list[Blow]) -> None:
    files = spoilt_files(blows)

    async def story() -> None:
        tree = await stored(files)
        await tree.check(repairs=True)
        await push_all(tree.repository)
        await push_image_only(tree.registry.repository(OTHER))
        await tree.check(repairs=True)
        assert await tree.damage() == []

    asyncio.run(story())

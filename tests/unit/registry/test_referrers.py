"""Referrers: our entries, the fallback tag of older clients, and both merged."""

import asyncio
from typing import Any

import pytest

from layerstore.oci.descriptor import OCI_INDEX
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestUnknown
from layerstore.oci.name import Tag
from layerstore.registry.manifests import without_child
from layerstore.registry.paths import ReferrerLink, referrer_folder
from layerstore.registry.referrers import fallback_tag
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from tests.unit.registry.conftest import descriptor, image, index, push_image

SUBJECT = b"subject"
DIGEST = Digest.of(SUBJECT)


async def refer(repository: Repository, number: int, **more: Any) -> Digest:
    return await push_image(
        repository,
        subject=descriptor(SUBJECT),
        artifactType=f"application/n{number}",
        annotations={"n": str(number)},
        **more,
    )


async def referrers(repository: Repository, after: str = "") -> list[Digest]:
    return [found.digest async for found in repository.referrers.of(DIGEST, after)]


def test_what_has_the_subject_is_listed_in_order_with_its_annotations(
    repository: Repository,
) -> None:
    async def story() -> None:
        pushed = [await refer(repository, number) for number in range(5)]
        found = [d async for d in repository.referrers.of(DIGEST)]
        assert [d.digest for d in found] == sorted(pushed)
        first = next(d for d in found if d.digest == pushed[0])
        assert (first.artifact_type, first.annotations) == ("application/n0", {"n": "0"})
        assert await referrers(repository, sorted(pushed)[2]) == sorted(pushed)[3:]

    asyncio.run(story())


def test_a_subject_need_not_be_there_and_an_unknown_one_has_no_referrers(
    repository: Repository,
) -> None:
    async def story() -> None:
        assert await referrers(repository) == []
        await refer(repository, 1)
        assert len(await referrers(repository)) == 1

    asyncio.run(story())


def test_an_index_may_have_a_subject(repository: Repository) -> None:
    async def story() -> None:
        content = index(subject=descriptor(SUBJECT))
        placed = await repository.manifests.put(content, OCI_INDEX)
        assert placed.subject == DIGEST
        assert await referrers(repository) == [placed.digest]

    asyncio.run(story())


def test_an_entry_counts_only_while_its_revision_is_linked(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        stray = Digest.of(b"stray")
        await driver.put(ReferrerLink(repository.name, DIGEST, stray).path, stray.encode())
        assert await referrers(repository) == []
        digest = await refer(repository, 1)
        await repository.manifests.delete(digest)
        assert await referrers(repository) == []

    asyncio.run(story())


def test_what_only_the_fallback_tag_lists_is_merged_in(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        pushed = [await refer(repository, number) for number in range(6)]
        for digest in pushed[::2]:
            await driver.delete(referrer_folder(repository.name, DIGEST, digest))
        stranger = await push_image(repository)
        children = [await repository.manifests.get(d) for d in (*pushed[:4], stranger)]
        listed = index(*(child.content for child in children))
        await repository.manifests.put(listed, None, tags=[fallback_tag(DIGEST)])
        expected = sorted({*pushed[:4], pushed[5]})
        assert await referrers(repository) == expected
        assert await referrers(repository, expected[1]) == expected[2:]

    asyncio.run(story())


def test_a_deleted_referrer_leaves_the_fallback_tag_s_list(repository: Repository) -> None:
    async def story() -> None:
        one, two = [await refer(repository, number) for number in range(2)]
        contents = [(await repository.manifests.get(d)).content for d in (one, two)]
        tag = fallback_tag(DIGEST)
        await repository.manifests.put(index(*contents), None, tags=[tag])
        await repository.manifests.delete(one)
        assert (await repository.manifests.get(tag)).content == without_child(index(*contents), one)
        await repository.manifests.delete(two)
        with pytest.raises(ManifestUnknown):
            await repository.tags.current(tag)

    asyncio.run(story())


def test_a_fallback_tag_that_is_no_index_is_left_alone(repository: Repository) -> None:
    async def story() -> None:
        digest = await refer(repository, 1)
        await repository.manifests.put(image(), None, tags=[fallback_tag(DIGEST)])
        await repository.manifests.delete(digest)
        assert (await repository.manifests.get(fallback_tag(DIGEST))).content == image()

    asyncio.run(story())


def test_the_fallback_tag_of_sha512_is_cut_to_64_digits() -> None:
    digest = Digest.of(SUBJECT, "sha512")
    assert fallback_tag(digest) == Tag(f"sha512-{digest.hex[:64]}")

"""Manifests: what is checked, what is written, in which order, and what a delete takes along."""

import asyncio
import re
from typing import Any

import pytest

from layerstore.oci.descriptor import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    RegistryError,
    SeveralErrors,
)
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    RevisionLink,
    TagCurrent,
    layers_folder,
)
from layerstore.registry.references import ManifestRules, pattern_of
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from tests.fakes import FakeClock
from tests.unit.registry.conftest import (
    CONFIG,
    LAYER,
    descriptor,
    image,
    index,
    push_blobs,
    push_image,
)

LATEST = Tag("latest")


def under(driver: StorageDriver, clock: FakeClock, **rules: Any) -> Repository:
    registry = LocalRegistry(driver, ProcessLocks(), clock, ManifestRules(**rules))
    return registry.repository(Name("ruled"))


async def refusal(repository: Repository, content: bytes, **more: Any) -> RegistryError:
    with pytest.raises(RegistryError) as refused:
        await repository.manifests.put(content, None, **more)
    return refused.value


def test_a_manifest_comes_back_byte_for_byte(repository: Repository) -> None:
    async def story() -> None:
        await push_blobs(repository, CONFIG, LAYER)
        content = b" \n" + image(annotations={"ü": "\u2028"}) + b"\n"
        placed = await repository.manifests.put(content, OCI_MANIFEST, tags=[LATEST])
        assert placed.digest == Digest.of(content)
        for reference in (LATEST, placed.digest):
            stored = await repository.manifests.get(reference)
            assert (stored.content, stored.media_type) == (content, OCI_MANIFEST)

    asyncio.run(story())


@pytest.mark.parametrize("size", [33_000, 65_000, 65_536, 4 * 1024 * 1024 - 100])
def test_a_manifest_of_any_size_comes_back_bug_museum_10(repository: Repository, size: int) -> None:
    async def story() -> None:
        await push_blobs(repository, CONFIG, LAYER)
        content = image()
        content = image(annotations={"fill": "x" * (size - len(content) - 28)})
        placed = await repository.manifests.put(content, None)
        assert (await repository.manifests.get(placed.digest)).content == content

    asyncio.run(story())


def test_all_that_is_missing_is_told_at_once_and_nothing_is_stored(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        error = await refusal(repository, image(layers=(LAYER, b"other")), tags=[LATEST])
        assert isinstance(error, SeveralErrors)
        assert {part.detail for part in error.errors} == {
            Digest.of(content) for content in (CONFIG, LAYER, b"other")
        }
        assert all(isinstance(part, ManifestBlobUnknown) for part in error.errors)
        assert [path async for path, _ in driver.walk("/")] == []

    asyncio.run(story())


def test_others_have_their_turn_while_many_references_are_looked_at(
    repository: Repository,
) -> None:
    """A thousand answers from memory were a tenth of a second in which nobody else was served."""

    async def story() -> None:
        layers = tuple(b"layer %d" % number for number in range(400))
        await push_blobs(repository, CONFIG, *layers)
        content = image(layers=layers)
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.ensure_future(others())
        await repository.manifests.put(content, None)
        beside.cancel()
        assert turns >= len(layers) // 16

    asyncio.run(story())


def test_content_of_another_repository_does_not_count(registry: LocalRegistry) -> None:
    async def story() -> None:
        await push_image(registry.repository(Name("one")))
        assert isinstance(await refusal(registry.repository(Name("two")), image()), SeveralErrors)

    asyncio.run(story())


def test_a_wrong_digest_is_refused(repository: Repository) -> None:
    async def story() -> None:
        await push_blobs(repository, CONFIG, LAYER)
        error = await refusal(repository, image(), digest=Digest.of(b""))
        assert isinstance(error, DigestInvalid)

    asyncio.run(story())


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_manifest_keeps_the_algorithm_it_was_pushed_with(
    repository: Repository, driver: StorageDriver, algorithm: str
) -> None:
    async def story() -> None:
        await push_blobs(repository, CONFIG, LAYER)
        digest = Digest.of(image(), algorithm)
        await repository.manifests.put(image(), None, digest=digest, tags=[LATEST])
        assert await repository.tags.current(LATEST) == digest
        assert await driver.get(TagCurrent(repository.name, LATEST).path) == digest.encode()
        assert await driver.get(BlobData(digest).path) == image()

    asyncio.run(story())


def test_children_of_an_index_must_be_revisions_here(registry: LocalRegistry) -> None:
    async def story() -> None:
        one, two = (registry.repository(Name(name)) for name in ("one", "two"))
        await push_image(one)
        await one.manifests.put(index(image()), None)
        assert isinstance(await refusal(two, index(image())), ManifestBlobUnknown)
        await one.manifests.put(index(), OCI_INDEX)

    asyncio.run(story())


def test_platforms_say_which_children_must_be_here(driver: StorageDriver, clock: FakeClock) -> None:
    async def story() -> None:
        absent = descriptor(b"absent", OCI_MANIFEST)
        amd64 = absent | {"platform": {"os": "linux", "architecture": "amd64"}}
        arm64 = absent | {"platform": {"os": "linux", "architecture": "arm64"}}
        some = under(driver, clock, platforms=frozenset({("linux", "amd64")}))
        await some.manifests.put(index(manifests=[arm64, absent]), None)
        await refusal(some, index(manifests=[amd64]))
        await under(driver, clock, platforms="none").manifests.put(index(manifests=[amd64]), None)

    asyncio.run(story())


def test_with_references_none_nothing_needs_to_be_here(
    driver: StorageDriver, clock: FakeClock
) -> None:
    async def story() -> None:
        repository = under(driver, clock, references="none")
        await repository.manifests.put(image(), None)
        await repository.manifests.put(index(b"absent"), None)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "allow", "deny", "fits"),
    [
        ("https://example.com/a", None, None, False),
        ("https://example.com/a", ["example"], None, True),
        ("https://example.com/a", ["^http:"], None, False),
        ("https://example.com/a", ["."], ["com"], False),
        ("https://example.com/a", None, ["org"], True),
        ("https://example.com/a#b", ["."], None, False),
        ("ftp://example.com/a", ["."], None, False),
        ("file:///etc/passwd", ["."], None, False),
        ("https:///a", ["."], None, False),
        ("http://[", ["."], None, False),
    ],
)
def test_a_layer_s_url_must_be_allowed(
    driver: StorageDriver,
    clock: FakeClock,
    url: str,
    allow: list[str] | None,
    deny: list[str] | None,
    fits: bool,
) -> None:
    async def story() -> None:
        rules = {"url_allow": pattern_of(allow or []), "url_deny": pattern_of(deny or [])}
        repository = under(driver, clock, **rules)
        await push_blobs(repository, CONFIG)
        kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        content = image(layers=()).replace(
            b'"layers":[]',
            f'"layers":[{{"mediaType":"{kind}","size":9,'.encode()
            + f'"digest":"{Digest.of(b"far")}","urls":["{url}"]}}]'.encode(),
        )
        if fits:
            await repository.manifests.put(content, None)
        else:
            assert isinstance(await refusal(repository, content), ManifestInvalid)

    asyncio.run(story())


def test_only_listed_classes_are_taken(driver: StorageDriver, clock: FakeClock) -> None:
    async def story() -> None:
        repository = under(driver, clock, classes=frozenset({"image"}))
        await push_blobs(repository, CONFIG, LAYER)
        assert isinstance(await refusal(repository, image()), Denied)
        kind = "application/vnd.docker.container.image.v1+json"
        fitting = re.sub(rb"application/x", kind.encode(), image(), count=1)
        await repository.manifests.put(fitting, None)

    asyncio.run(story())


def test_indexes_are_nested_only_so_deep_bug_museum_6(
    driver: StorageDriver, clock: FakeClock
) -> None:
    async def story() -> None:
        repository = under(driver, clock, index_depth_max=3)
        await push_image(repository)
        content = index(image())
        for _ in range(2):
            await repository.manifests.put(content, None)
            child = descriptor(content, OCI_INDEX)
            content = index(manifests=[child, child])
        await repository.manifests.put(content, None)
        error = await refusal(repository, index(manifests=[descriptor(content, OCI_INDEX)]))
        assert isinstance(error, ManifestInvalid)

    asyncio.run(story())


def test_a_repository_has_its_layers_folder_before_its_first_revision(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await repository.manifests.put(index(), OCI_INDEX)
        assert (await driver.stat(layers_folder(repository.name))).is_dir
        assert await repository.exists()

    asyncio.run(story())


def test_deleting_a_digest_drops_all_its_tags_and_no_other_bug_museum_7(
    repository: Repository,
) -> None:
    async def story() -> None:
        digest = await push_image(repository)
        other = await push_image(repository, annotations={"a": "b"})
        for tag in ("one", "two"):
            await repository.tags.set(Tag(tag), digest)
        await repository.tags.set(Tag("three"), other)
        await repository.manifests.delete(digest)
        assert [tag async for tag in repository.tags.names()] == ["three"]
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(digest)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.delete(digest)
        assert (await repository.manifests.get(other)).digest == other

    asyncio.run(story())


def test_deleting_a_tag_leaves_the_other_tag_on_the_same_digest_bug_museum_7(
    repository: Repository,
) -> None:
    async def story() -> None:
        digest = await push_image(repository)
        for tag in ("one", "two"):
            await repository.tags.set(Tag(tag), digest)
        await repository.tags.delete(Tag("one"))
        assert (await repository.manifests.get(Tag("two"))).digest == digest
        with pytest.raises(ManifestUnknown):
            await repository.tags.delete(Tag("one"))

    asyncio.run(story())


def test_a_revision_linked_below_layers_is_read_and_deleted(
    repository: Repository, driver: StorageDriver
) -> None:
    """Version 2.1.0 of the original wrote revision links there."""

    async def story() -> None:
        digest = await push_image(repository)
        name = repository.name
        await driver.delete(RevisionLink(name, digest).path)
        await driver.put(LayerLink(name, digest).path, digest.encode())
        assert (await repository.manifests.get(digest)).content == image()
        await repository.manifests.put(index(image()), None)
        await repository.manifests.delete(digest)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(digest)

    asyncio.run(story())


def test_a_layer_is_no_manifest(repository: Repository) -> None:
    async def story() -> None:
        await push_image(repository)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(Digest.of(LAYER))

    asyncio.run(story())


@pytest.mark.parametrize("damage", [None, b"", b"{}", b"\xff"])
def test_a_manifest_whose_content_is_damaged_is_unknown_and_can_be_deleted_and_pushed_again(
    repository: Repository, driver: StorageDriver, damage: bytes | None
) -> None:
    async def story() -> None:
        digest = await push_image(repository)
        await repository.tags.set(LATEST, digest)
        if damage is None:
            await driver.delete(BlobData(digest).path)
        else:
            await driver.put(BlobData(digest).path, damage)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(LATEST)
        await repository.manifests.delete(digest)
        await repository.manifests.put(image(), None, tags=[LATEST])
        assert (await repository.manifests.get(LATEST)).content == image()

    asyncio.run(story())


def test_a_docker_manifest_is_served_as_what_it_is(repository: Repository) -> None:
    async def story() -> None:
        await push_blobs(repository, CONFIG, LAYER)
        content = image(mediaType=DOCKER_MANIFEST)
        placed = await repository.manifests.put(content, DOCKER_MANIFEST)
        assert (await repository.manifests.get(placed.digest)).media_type == DOCKER_MANIFEST

    asyncio.run(story())


def test_a_retag_beside_a_delete_by_digest_survives(repository: Repository) -> None:
    async def story() -> None:
        digest = await push_image(repository)
        await repository.tags.set(LATEST, digest)
        await asyncio.gather(
            repository.manifests.delete(digest),
            repository.manifests.put(image(annotations={"a": "b"}), None, tags=[LATEST]),
        )
        stored = await repository.manifests.get(LATEST)
        assert stored.content == image(annotations={"a": "b"})

    asyncio.run(story())

"""Signed manifests in a repository: taken, merged, served, deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable

import pytest

from layerstore.oci import signed
from layerstore.oci.descriptor import SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    ManifestUnverified,
    MediaTypeUnsupported,
    NameInvalid,
    RegistryError,
    SeveralErrors,
    TagInvalid,
)
from layerstore.oci.keys import PrivateKey
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.paths import BlobData
from layerstore.registry.references import ManifestRules
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from tests.fakes import FakeClock
from tests.unit.oci.signers import SIGNED_AT, changed, document, host, payload
from tests.unit.registry.conftest import push_blobs
from tests.unit.registry.signed import (
    LATEST,
    NAME,
    OWN,
    PAYLOAD,
    REVISION,
    is_empty,
    links,
    notary,
    push,
    refusal,
    repository,
    signers,
    told,
)

__all__ = ["notary", "repository"]


def test_hosts_that_sign_one_payload_share_one_revision(repository: Repository) -> None:
    async def story() -> None:
        hosts = [host(), host("P-384"), host("RSA")]
        assert {await push(repository, key) for key in hosts} == {REVISION}
        keys = sorted((key.public for key in hosts), key=lambda key: key.id)
        assert await signers(repository) == keys

    told(story)


def test_a_document_with_several_signatures_brings_them_all(repository: Repository) -> None:
    async def story() -> None:
        await push(repository, host(), host("P-521"))
        await push(repository, host("P-521"), host("P-384"))
        found = await signers(repository)
        assert set(found) == {host(kind).public for kind in ("P-256", "P-384", "P-521")}

    told(story)


def test_what_is_served_can_be_pushed_elsewhere_and_is_the_same_there(
    repository: Repository, clock: FakeClock, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push(repository, host(), host("RSA"))
        served = await repository.manifests.get(REVISION)
        assert (served.media_type, served.digest) == (SCHEMA1_SIGNED, REVISION)
        again = await repository.manifests.put(served.content, None, digest=REVISION)
        assert again.digest == REVISION
        assert (await repository.manifests.get(LATEST)).content == served.content
        assert len(await links(driver)) == 2

    told(story)


def test_signatures_are_blobs_linked_below_their_revision(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push(repository, host())
        (link,) = await links(driver)
        assert await driver.get(link.path) == link.signature.encode()
        content = await driver.get(BlobData(link.signature).path)
        assert Digest.of(content) == link.signature
        assert json.loads(content)["header"]["jwk"]["kid"] == host().public.id
        assert await driver.get(BlobData(REVISION).path) == PAYLOAD

    told(story)


def test_deleting_a_revision_removes_its_signatures(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push(repository, host(), host("P-384"))
        await repository.manifests.delete(REVISION)
        assert await links(driver) == []
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(REVISION)
        await push(repository, host("RSA"))
        assert await signers(repository) == [host("RSA").public]

    told(story)


def test_hosts_that_push_at_the_same_moment_are_all_heard(repository: Repository) -> None:
    async def story() -> None:
        hosts = [host(number=number) for number in range(8)]
        await asyncio.gather(*(push(repository, key) for key in hosts))
        assert set(await signers(repository)) == {key.public for key in hosts}

    told(story)


def test_pushing_schema_1_is_off_by_default(driver: StorageDriver, clock: FakeClock) -> None:
    async def story() -> None:
        plain = LocalRegistry(driver, ProcessLocks(), clock).repository(NAME)
        for media_type in (SCHEMA1_SIGNED, SCHEMA1, "application/json", None):
            with pytest.raises(MediaTypeUnsupported, match=r"compatibility\.schema1\.enabled"):
                await plain.manifests.put(document(PAYLOAD), media_type, tags=[LATEST])
        assert await is_empty(driver)

    told(story)


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_stored(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        wrong = document(payload("other", "old", history=[])).replace(b"amd64", b"arm64")
        refused = await refusal(repository, wrong)
        assert isinstance(refused, SeveralErrors)
        assert [type(error) for error in refused.errors] == [
            NameInvalid,
            TagInvalid,
            ManifestInvalid,
            ManifestUnverified,
            ManifestBlobUnknown,
        ]
        assert await is_empty(driver)

    told(story)


def without_key() -> bytes:
    return changed(document(PAYLOAD), header={"jwk": None})


def one_of_two_broken() -> bytes:
    return changed(document(PAYLOAD, host(), host("P-384")), signature="AAAA")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (document(PAYLOAD).replace(b"amd64", b"arm64"), ManifestUnverified),
        (without_key(), ManifestUnverified),
        (one_of_two_broken(), ManifestUnverified),
        (PAYLOAD, ManifestUnverified),
        (b'{"schemaVersion":1}', ManifestUnverified),
        (b'{"schemaVersion":1,"signatures":' + b"[" * 100_000, ManifestInvalid),
        (document(payload(FsLayers=[])), ManifestInvalid),
        (document(payload(fsLayers=[{"blobSum": "x"}])), ManifestInvalid),
        (document(payload("other")), NameInvalid),
        (document(payload(tag="old")), TagInvalid),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(
    content: bytes, kind: type[RegistryError], repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push_blobs(repository, b"layer")
        before = [path async for path, _ in driver.walk("/")]
        assert type(await refusal(repository, content)) is kind
        assert [path async for path, _ in driver.walk("/")] == before

    told(story)


def test_a_layer_that_is_elsewhere_only_is_missing(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await driver.put(BlobData(Digest.of(b"layer")).path, b"layer")
        refused = await refusal(repository, document(PAYLOAD))
        assert isinstance(refused, ManifestBlobUnknown)

    told(story)


def test_the_digest_is_that_of_the_payload(repository: Repository) -> None:
    async def story() -> None:
        await push_blobs(repository, b"layer")
        content = document(PAYLOAD)
        with pytest.raises(DigestInvalid):
            await repository.manifests.put(content, None, digest=Digest.of(content))
        longer = Digest.of(PAYLOAD, "sha512")
        placed = await repository.manifests.put(content, None, digest=longer, tags=[LATEST])
        assert placed.digest == longer
        assert (await repository.manifests.get(LATEST)).digest == longer

    told(story)


def test_a_payload_has_room_for_so_many_signatures_and_no_more(
    repository: Repository, driver: StorageDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerstore.registry.signatures.SIGNATURES_MAX", 2)

    async def story() -> None:
        await push(repository, host(), host("P-384"))
        refused = await refusal(repository, document(PAYLOAD, host("RSA"), host()))
        assert isinstance(refused, ManifestInvalid)
        assert "more signatures" in refused.text
        assert len(await links(driver)) == 2

    told(story)


def test_who_signed_before_may_push_again_however_often(
    repository: Repository, driver: StorageDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerstore.registry.signatures.SIGNATURES_MAX", 2)

    async def story() -> None:
        for _ in range(3):
            await push(repository, host())
        assert len(await links(driver)) == 2
        assert set(await signers(repository)) == {host().public}

    told(story)


def test_a_registry_for_plugins_takes_no_image_of_schema_1(
    driver: StorageDriver, clock: FakeClock, notary: Notary
) -> None:
    async def story() -> None:
        for classes, taken in ((frozenset({"plugin"}), False), (frozenset({"image"}), True)):
            rules = ManifestRules(classes=classes)
            ruled = LocalRegistry(driver, ProcessLocks(), clock, rules, notary=notary)
            repository = ruled.repository(NAME)
            if taken:
                assert await push(repository, host()) == REVISION
            else:
                assert isinstance(await refusal(repository, document(PAYLOAD)), Denied)

    told(story)


def test_the_registry_s_key_is_asked_for_when_it_is_needed_and_once(clock: FakeClock) -> None:
    asked: list[int] = []

    def key() -> PrivateKey:
        asked.append(1)
        return OWN

    notary = Notary(clock, key=key)
    document_by_host = signed.sign(PAYLOAD, host(), SIGNED_AT)
    notary.issue(PAYLOAD, [document_by_host])
    assert asked == []
    notary.issue(PAYLOAD, [])
    notary.issue(PAYLOAD, [])
    assert asked == [1]


class Failing(MemoryDriver):
    """Storage that takes so many writes more."""

    writes_left = 1000

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        if not self.writes_left:
            raise StorageUnavailable(self.name, path, "broken")
        self.writes_left -= 1
        await super().put(path, content, durable=durable)


@pytest.mark.parametrize("writes", range(8))
def test_a_push_that_breaks_off_anywhere_leaves_nothing_wrong(
    writes: int, clock: FakeClock, notary: Notary
) -> None:
    driver = Failing(clock)
    repository = LocalRegistry(driver, ProcessLocks(), clock, notary=notary).repository(NAME)

    async def story() -> None:
        await push_blobs(repository, b"layer")
        content = document(PAYLOAD, host(), host("P-384"))
        driver.writes_left = writes
        with pytest.raises(StorageUnavailable):
            await repository.manifests.put(content, None, tags=[LATEST])
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(LATEST)
        driver.writes_left = 1000
        await repository.manifests.put(content, None, tags=[LATEST])
        assert len(await signers(repository)) == 2

    told(story)


def test_signatures_are_written_after_their_revision_and_before_the_tag(
    clock: FakeClock, notary: Notary
) -> None:
    driver = Failing(clock)
    repository = LocalRegistry(driver, ProcessLocks(), clock, notary=notary).repository(NAME)

    async def story() -> None:
        await push_blobs(repository, b"layer")
        driver.writes_left = 6
        content = document(PAYLOAD, host(), host("P-384"))
        with pytest.raises(StorageUnavailable):
            await repository.manifests.put(content, None, tags=[LATEST])
        assert len(await links(driver)) == 2
        served = await repository.manifests.get(REVISION)
        assert len(signed.split(served.content).signatures) == 2

    told(story)

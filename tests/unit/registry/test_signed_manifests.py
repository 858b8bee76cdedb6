"""Signed manifests in a repository: merged, served, deleted; and the trees of every version."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

import pytest

from layerstore.oci import signed
from layerstore.oci.descriptor import DOCKER_MANIFEST, SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    BlobUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestNotAcceptable,
    ManifestUnknown,
    ManifestUnverified,
    MediaTypeUnsupported,
    NameInvalid,
    RegistryError,
    SeveralErrors,
    TagInvalid,
)
from layerstore.oci.keys import PrivateKey, PublicKey
from layerstore.oci.name import Name, Tag
from layerstore.oci.schema1 import EMPTY_LAYER, EMPTY_LAYER_DIGEST
from layerstore.oci.tarsum import TarSum
from layerstore.registry.downgrade import Downgrade
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    recognise,
    signatures_folder,
)
from layerstore.registry.references import ManifestRules
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from tests.fakes import FakeClock
from tests.unit.oci.signers import SIGNED_AT, changed, document, host, payload
from tests.unit.registry.conftest import descriptor, image, push_blobs

NAME = Name("library/alpine")
LATEST = Tag("latest")
PAYLOAD = payload()
REVISION = Digest.of(PAYLOAD)
OWN = host(number=99)


@pytest.fixture
def notary(clock: FakeClock) -> Notary:
    return Notary(clock, takes_pushes=True, key=lambda: OWN)


@pytest.fixture
def repository(driver: StorageDriver, clock: FakeClock, notary: Notary) -> Repository:
    return LocalRegistry(driver, ProcessLocks(), clock, notary=notary).repository(NAME)


def told(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    asyncio.run(whole())


async def push(repository: Repository, *keys: PrivateKey) -> Digest:
    await push_blobs(repository, b"layer")
    content = document(PAYLOAD, *keys)
    return (await repository.manifests.put(content, SCHEMA1_SIGNED, tags=[LATEST])).digest


async def refusal(repository: Repository, content: bytes, *tags: Tag) -> RegistryError:
    with pytest.raises(RegistryError) as refused:
        await repository.manifests.put(content, SCHEMA1_SIGNED, tags=tags or [LATEST])
    return refused.value


async def signers(repository: Repository) -> list[PublicKey]:
    """The keys of the document that is served, each verified."""
    served = await repository.manifests.get(LATEST)
    taken = signed.split(served.content)
    assert (taken.payload, served.digest) == (PAYLOAD, REVISION)
    return [signed.verify(taken.payload, signature) for signature in taken.signatures]


async def links(driver: StorageDriver) -> list[SignatureLink]:
    folder = signatures_folder(NAME, REVISION)
    found = [recognise(path) async for path, _ in driver.walk(folder)]
    return [link for link in found if isinstance(link, SignatureLink)]


async def is_empty(driver: StorageDriver) -> bool:
    return not [path async for path, _ in driver.walk("/") if path.endswith(("/link", "/data"))]


async def lay_out(driver: StorageDriver, *, misplaced: bool = False) -> None:
    """A manifest as the original writes it: the payload, linked and tagged, without signatures."""
    kind = LayerLink if misplaced else RevisionLink
    await driver.put(BlobData(REVISION).path, PAYLOAD)
    await driver.put(kind(NAME, REVISION).path, REVISION.encode())
    await driver.put(TagCurrent(NAME, LATEST).path, REVISION.encode())


async def lay_out_signature(driver: StorageDriver, content: bytes) -> None:
    digest = Digest.of(content)
    await driver.put(BlobData(digest).path, content)
    await driver.put(SignatureLink(NAME, REVISION, digest).path, digest.encode())


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


def test_a_tree_of_2_0_to_2_4_is_served_with_its_signatures(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await lay_out(driver)
        for key in (host(), host("RSA")):
            await lay_out_signature(driver, signed.sign(PAYLOAD, key, SIGNED_AT).stored())
        assert set(await signers(repository)) == {host().public, host("RSA").public}

    told(story)


def test_a_tree_of_2_5_to_2_8_is_signed_on_the_way_out(
    repository: Repository, driver: StorageDriver, clock: FakeClock
) -> None:
    async def story() -> None:
        await lay_out(driver)
        assert await signers(repository) == [OWN.public]
        (signature,) = signed.split((await repository.manifests.get(REVISION)).content).signatures
        assert signature.signed_at == clock.now().replace(microsecond=0)
        assert await links(driver) == []

    told(story)


def test_a_revision_that_2_1_0_linked_among_the_layers_is_served(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await lay_out(driver, misplaced=True)
        await lay_out_signature(driver, signed.sign(PAYLOAD, host(), SIGNED_AT).stored())
        assert await signers(repository) == [host().public]
        await repository.manifests.delete(REVISION)
        assert await links(driver) == []

    told(story)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{}",
        signed.sign(payload(architecture="arm64"), host("P-384"), SIGNED_AT).stored(),
        signed.sign(PAYLOAD, host("P-384"), SIGNED_AT)
        .stored()
        .replace(b'"alg":"ES384"', b'"alg":"none"'),
    ],
)
def test_a_stored_signature_that_does_not_hold_is_left_out(
    damaged: bytes, repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await lay_out(driver)
        await lay_out_signature(driver, damaged)
        assert await signers(repository) == [OWN.public]
        await lay_out_signature(driver, signed.sign(PAYLOAD, host(), SIGNED_AT).stored())
        assert await signers(repository) == [host().public]

    told(story)


def test_a_link_to_a_signature_that_is_gone_is_no_matter(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push(repository, host(), host("P-384"))
        gone, kept = await links(driver)
        await driver.delete(BlobData(gone.signature).path)
        assert len(await signers(repository)) == 1
        await driver.put(kept.path, b"")
        assert await signers(repository) == [OWN.public]

    told(story)


def test_a_signature_that_is_gone_comes_back_with_the_next_push_of_it(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push_blobs(repository, b"layer")
        content = document(PAYLOAD, host())
        await repository.manifests.put(content, None, tags=[LATEST])
        (link,) = await links(driver)
        await driver.delete(BlobData(link.signature).path)
        assert await signers(repository) == [OWN.public]
        await repository.manifests.put(content, None, tags=[LATEST])
        assert (await repository.manifests.get(LATEST)).content == content

    told(story)


def test_what_is_kept_is_judged_signature_by_signature(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        await push(repository, host())
        wrong = signed.sign(payload(architecture="arm64"), host("P-384"), SIGNED_AT)
        await lay_out_signature(driver, wrong.stored())
        found = {witness.key: witness for witness in await repository.manifests.witnesses(REVISION)}
        assert set(found) == {host().public, None}
        assert "not one of this payload" in found[None].reason

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


def test_a_layer_of_an_old_tree_is_found_by_its_tarsum(
    repository: Repository, driver: StorageDriver
) -> None:
    async def story() -> None:
        hexadecimal = "04b06d38c7cc20fd82664fb3b69d19ff297a01affe8a63c2f8c440cdc84137ae"
        tarsum = TarSum.parse(f"tarsum.v1+sha256:{hexadecimal}")
        path = LayerLink(NAME, tarsum).path
        assert path.endswith(f"/_layers/tarsum/v1/sha256/{hexadecimal}/link")
        assert recognise(path) == LayerLink(NAME, tarsum)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(tarsum)
        digest = Digest.of(b"layer")
        await driver.put(path, digest.encode())
        await driver.put(BlobData(digest).path, b"layer")
        blob = await repository.blobs.stat(tarsum)
        assert (blob.digest, blob.size) == (digest, 5)
        await repository.blobs.delete(tarsum)
        assert not await repository.blobs.has(tarsum)

    told(story)


def test_a_tarsum_is_not_taken_in_a_new_manifest(repository: Repository) -> None:
    async def story() -> None:
        tarsum = f"tarsum.v1+sha256:{'0' * 64}"
        content = document(payload(fsLayers=[{"blobSum": tarsum}]))
        refused = await refusal(repository, content)
        assert isinstance(refused, ManifestInvalid)
        assert refused.detail == {"blobSum": tarsum}

    told(story)


STEPS: list[dict[str, Any]] = [{"created_by": "ADD"}, {"created_by": "CMD", "empty_layer": True}]


def configuration(*steps: dict[str, Any]) -> bytes:
    filled = [step for step in steps if not step.get("empty_layer")]
    whole = {"architecture": "amd64", "history": steps, "rootfs": {"diff_ids": ["x"] * len(filled)}}
    return json.dumps(whole).encode()


async def push_schema2(repository: Repository, config: bytes) -> None:
    await push_blobs(repository, config, b"layer")
    content = image(
        config=config, layers=(b"layer",), mediaType=DOCKER_MANIFEST, subject=descriptor(b"subject")
    )
    await repository.manifests.put(content, DOCKER_MANIFEST, tags=[LATEST])


def test_an_image_is_told_in_schema_1_and_signed_by_the_registry(
    repository: Repository, notary: Notary
) -> None:
    async def story() -> None:
        await push_schema2(repository, configuration(*STEPS))
        stored = await repository.manifests.get(LATEST)
        made = await Downgrade(notary)(repository, LATEST, stored)
        taken = signed.split(made.content)
        assert signed.verify(taken.payload, taken.signatures[0]) == OWN.public
        assert (made.digest, made.media_type) == (Digest.of(taken.payload), SCHEMA1_SIGNED)
        empty = await repository.blobs.stat(EMPTY_LAYER_DIGEST)
        assert b"".join([piece async for piece in empty.read()]) == EMPTY_LAYER
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(made.digest)
        placed = await repository.manifests.put(made.content, None, tags=[LATEST])
        assert placed.digest == made.digest

    told(story)


def test_a_registry_that_is_read_only_writes_no_empty_layer(
    repository: Repository, notary: Notary
) -> None:
    async def story() -> None:
        reading = Downgrade(notary, writes=False)
        await push_schema2(repository, configuration(*STEPS))
        stored = await repository.manifests.get(LATEST)
        with pytest.raises(ManifestNotAcceptable, match="read-only"):
            await reading(repository, LATEST, stored)
        await push_blobs(repository, EMPTY_LAYER)
        assert await reading(repository, LATEST, stored)
        await push_schema2(repository, configuration(STEPS[0]))
        assert await reading(repository, LATEST, await repository.manifests.get(LATEST))

    told(story)


def test_an_image_whose_configuration_is_gone_is_not_told(
    repository: Repository, notary: Notary
) -> None:
    async def story() -> None:
        config = configuration(*STEPS)
        await push_schema2(repository, config)
        stored = await repository.manifests.get(LATEST)
        await repository.blobs.delete(Digest.of(config))
        with pytest.raises(BlobUnknown):
            await Downgrade(notary)(repository, LATEST, stored)

    told(story)


def test_a_configuration_that_is_too_large_is_not_read(
    repository: Repository, notary: Notary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layerstore.registry.downgrade.CONFIG_BYTES_MAX", 10)

    async def story() -> None:
        await push_schema2(repository, configuration(*STEPS))
        with pytest.raises(ManifestNotAcceptable, match="too large"):
            await Downgrade(notary)(repository, LATEST, await repository.manifests.get(LATEST))

    told(story)


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

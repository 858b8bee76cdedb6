"""Signed manifests in the trees of every version, whole and damaged."""

from __future__ import annotations

import pytest

from layerstore.oci import signed
from layerstore.oci.digest import Digest
from layerstore.oci.errors import BlobUnknown, ManifestInvalid
from layerstore.oci.tarsum import TarSum
from layerstore.registry.paths import BlobData, LayerLink, recognise
from layerstore.registry.repository import Repository
from layerstore.storage.driver import StorageDriver
from tests.fakes import FakeClock
from tests.unit.oci.signers import SIGNED_AT, document, host, payload
from tests.unit.registry.conftest import push_blobs
from tests.unit.registry.signed import (
    LATEST,
    NAME,
    OWN,
    PAYLOAD,
    REVISION,
    lay_out,
    lay_out_signature,
    links,
    notary,
    push,
    refusal,
    repository,
    signers,
    told,
)

__all__ = ["notary", "repository"]


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

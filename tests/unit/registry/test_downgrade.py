"""Images of schema 2, told in schema 1 to clients that know no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from layerstore.oci import signed
from layerstore.oci.descriptor import DOCKER_MANIFEST, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import BlobUnknown, ManifestNotAcceptable, ManifestUnknown
from layerstore.oci.schema1 import EMPTY_LAYER, EMPTY_LAYER_DIGEST
from layerstore.registry.downgrade import Downgrade
from layerstore.registry.notary import Notary
from layerstore.registry.repository import Repository
from tests.unit.registry.conftest import descriptor, image, push_blobs
from tests.unit.registry.signed import LATEST, OWN, notary, repository, told

__all__ = ["notary", "repository"]

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

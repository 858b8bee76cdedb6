"""Schema 1 as clients meet it: pushed, pulled, made for old clients, refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from layerstore.oci import signed
from layerstore.oci.descriptor import DOCKER_MANIFEST, SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name
from layerstore.oci.schema1 import parse
from layerstore.oci.tarsum import TarSum
from layerstore.registry.downgrade import Downgrade
from layerstore.registry.notary import Notary
from layerstore.registry.paths import BlobData, LayerLink
from tests.fakes import FakeClock
from tests.unit.api.direct import DirectWire
from tests.unit.oci.signers import document, host, payload
from tests.wire.client import Answer
from tests.wire.stock import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    descriptor,
    index,
    platform,
    push_blob,
    push_manifest,
)

NAME = "library/alpine"
AT_TAG = f"/v2/{NAME}/manifests/latest"
PAYLOAD = payload()
REVISION = Digest.of(PAYLOAD)
TARSUM = f"tarsum.v1+sha256:{'04b06d38' * 8}"
CONFIG = json.dumps(
    {"architecture": "amd64", "history": [{"created_by": "ADD"}], "rootfs": {"diff_ids": ["x"]}}
).encode()
OLD_CLIENTS: tuple[dict[str, str], ...] = (
    {"Accept": SCHEMA1_SIGNED},
    {"Accept": f"{SCHEMA1}, {SCHEMA1_SIGNED};q=0.5"},
    {"User-Agent": "docker/1.9.1 go/go1.4.2"},
)
SCHEMA2 = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor(CONFIG, DOCKER_CONFIG),
        "layers": [descriptor(b"layer", DOCKER_LAYER)],
    }
).encode()


@pytest.fixture
def wire() -> Iterator[DirectWire]:
    notary = Notary(FakeClock(), takes_pushes=True)
    with asyncio.Runner() as runner:
        made = DirectWire(runner, notary=notary, downgrade=Downgrade(notary))
        push_blob(made, NAME, b"layer")
        yield made


@pytest.fixture
def plain() -> Iterator[DirectWire]:
    """A registry in which nothing is switched on."""
    with asyncio.Runner() as runner:
        yield DirectWire(runner)


def put(wire: DirectWire, content: bytes, media_type: str = SCHEMA1_SIGNED) -> Answer:
    return wire.ask("PUT", AT_TAG, {"Content-Type": media_type}, content)


def test_what_is_pushed_is_known_by_the_digest_of_its_payload(wire: DirectWire) -> None:
    answer = put(wire, document(PAYLOAD))
    assert answer.status == 201
    assert answer.header("docker-content-digest") == REVISION
    assert answer.header("location") == f"/v2/{NAME}/manifests/{REVISION}"
    assert "deprecated" in (answer.header("warning") or "")


@pytest.mark.parametrize("accept", ["", "*/*", SCHEMA1_SIGNED, SCHEMA1, DOCKER_MANIFEST])
def test_it_is_served_signed_whatever_is_asked_for(wire: DirectWire, accept: str) -> None:
    put(wire, document(PAYLOAD, host(), host("P-384")))
    for reference in ("latest", REVISION):
        there = f"/v2/{NAME}/manifests/{reference}"
        answer = wire.ask("GET", there, {"Accept": accept} if accept else {})
        assert answer.status == 200
        assert answer.header("content-type") == SCHEMA1_SIGNED
        assert answer.header("docker-content-digest") == REVISION
        taken = signed.split(answer.body)
        assert len([signed.verify(PAYLOAD, each) for each in taken.signatures]) == 2
        head = wire.ask("HEAD", there)
        assert head.header("content-length") == str(len(answer.body))


def test_a_client_that_names_no_type_pushes_schema_1_too(wire: DirectWire) -> None:
    assert put(wire, document(PAYLOAD), "application/json").status == 201
    assert wire.ask("PUT", AT_TAG, {}, document(PAYLOAD)).status == 201


def test_everything_that_is_wrong_is_answered_at_once(wire: DirectWire) -> None:
    wrong = payload("other", fsLayers=[{"blobSum": str(Digest.of(b"absent"))}], history=[])
    answer = put(wire, document(wrong).replace(b"amd64", b"arm64"))
    assert answer.status == 400
    assert answer.codes == [
        "NAME_INVALID",
        "MANIFEST_INVALID",
        "MANIFEST_UNVERIFIED",
        "MANIFEST_BLOB_UNKNOWN",
    ]
    assert wire.ask("GET", AT_TAG).status == 404


def test_pushing_is_refused_in_words_unless_it_is_switched_on(plain: DirectWire) -> None:
    answer = put(plain, document(PAYLOAD))
    assert (answer.status, answer.codes) == (415, ["UNSUPPORTED"])
    assert b"compatibility.schema1.enabled" in answer.body


@pytest.mark.parametrize("headers", OLD_CLIENTS)
def test_an_old_client_gets_schema_1(wire: DirectWire, headers: dict[str, str]) -> None:
    push_blob(wire, NAME, CONFIG)
    push_manifest(wire, NAME, "latest", SCHEMA2)
    answer = wire.ask("GET", AT_TAG, headers)
    assert answer.status == 200
    assert answer.header("content-type") == SCHEMA1_SIGNED
    taken = signed.split(answer.body)
    assert answer.header("docker-content-digest") == Digest.of(taken.payload)
    assert signed.verify(taken.payload, taken.signatures[0])
    by_digest = wire.ask("GET", f"/v2/{NAME}/manifests/{Digest.of(SCHEMA2)}", headers)
    assert by_digest.body == SCHEMA2


@pytest.mark.parametrize("headers", OLD_CLIENTS)
def test_an_old_client_gets_schema_1_of_one_image_of_a_list(
    wire: DirectWire, headers: dict[str, str]
) -> None:
    push_blob(wire, NAME, CONFIG)
    image = push_manifest(wire, NAME, "image", SCHEMA2)
    child = {"digest": image, "size": len(SCHEMA2), "mediaType": DOCKER_MANIFEST}
    whole = index(child | platform("amd64"), media_type=DOCKER_LIST)
    push_manifest(wire, NAME, "latest", whole)
    answer = wire.ask("GET", AT_TAG, headers)
    assert (answer.status, answer.header("content-type")) == (200, SCHEMA1_SIGNED)
    assert "several platforms" in (answer.header("warning") or "")
    facts = parse(signed.split(answer.body).payload)
    assert (facts.tag, facts.digests) == ("latest", (Digest.of(b"layer"),))


def test_an_old_client_gets_what_is_stored_where_schema_1_is_off(plain: DirectWire) -> None:
    push_blob(plain, NAME, b"layer")
    push_blob(plain, NAME, CONFIG)
    push_manifest(plain, NAME, "latest", SCHEMA2)
    assert plain.ask("GET", AT_TAG, {"Accept": SCHEMA1_SIGNED}).body == SCHEMA2


def test_a_layer_of_an_old_tree_is_served_by_its_tarsum(wire: DirectWire) -> None:
    digest = Digest.of(b"layer")
    link = LayerLink(Name(NAME), TarSum.parse(TARSUM)).path

    async def lay_out() -> None:
        await wire.driver.put(link, digest.encode())
        assert await wire.driver.get(BlobData(digest).path) == b"layer"

    asyncio.run(lay_out())
    answer = wire.ask("GET", f"/v2/{NAME}/blobs/{TARSUM}")
    assert (answer.status, answer.body) == (200, b"layer")
    assert answer.header("docker-content-digest") == digest
    assert wire.ask("GET", f"/v2/other/blobs/{TARSUM}").status == 404
    assert wire.ask("DELETE", f"/v2/{NAME}/blobs/{TARSUM}").status == 202
    assert wire.ask("HEAD", f"/v2/{NAME}/blobs/{TARSUM}").status == 404


def test_nothing_new_is_stored_under_a_tarsum(wire: DirectWire) -> None:
    refused = wire.ask("POST", f"/v2/{NAME}/blobs/uploads/?digest={TARSUM}", {}, b"layer")
    assert (refused.status, refused.codes) == (400, ["DIGEST_INVALID"])

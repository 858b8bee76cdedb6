"""What a manifest says, and what is refused (registry-facts §2.7, decisions 5)."""

from typing import Any

import msgspec
import pytest

from layerstore.oci.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
)
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid
from layerstore.oci.manifest import media_type_of, parse

CONFIG = Digest.of(b"config")
LAYER = Digest.of(b"layer", "sha512")


def target(digest: str, media_type: str = "application/x", size: int = 1) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def image(**fields: Any) -> bytes:
    whole = {"schemaVersion": 2, "config": target(CONFIG), "layers": [target(LAYER)]} | fields
    return msgspec.json.encode({key: value for key, value in whole.items() if value != "absent"})


def index(**fields: Any) -> bytes:
    return msgspec.json.encode({"schemaVersion": 2, "manifests": [target(CONFIG)]} | fields)


@pytest.mark.parametrize(
    ("content", "content_type", "found"),
    [
        (image(mediaType=OCI_MANIFEST), OCI_MANIFEST, OCI_MANIFEST),
        (image(), OCI_MANIFEST, OCI_MANIFEST),
        (image(), f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
        (image(), None, OCI_MANIFEST),
        (image(mediaType=DOCKER_MANIFEST), "application/json", DOCKER_MANIFEST),
        (image(mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (index(), None, OCI_INDEX),
        (index(manifests=[]), OCI_INDEX, OCI_INDEX),
        (index(mediaType=DOCKER_LIST), DOCKER_LIST, DOCKER_LIST),
    ],
)
def test_the_type_is_that_of_the_request_or_of_the_document(
    content: bytes, content_type: str | None, found: str
) -> None:
    assert parse(content, content_type).media_type == found


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", OCI_MANIFEST),
        (b"[]", OCI_MANIFEST),
        (b"\xff", OCI_MANIFEST),
        (b"\xef\xbb\xbf{}", OCI_MANIFEST),
        (b"[" * 5000, OCI_MANIFEST),
        (b'{"schemaVersion":2,"x":' + b'{"a":' * 3000 + b"1" + b"}" * 3001, OCI_MANIFEST),
        (image(schemaVersion=1), OCI_MANIFEST),
        (image(schemaVersion=3), OCI_MANIFEST),
        (image(schemaVersion="2"), OCI_MANIFEST),
        (image(mediaType=OCI_INDEX), OCI_MANIFEST),
        (image(), DOCKER_MANIFEST),
        (index(), DOCKER_LIST),
        (image(), "text/plain"),
        (image(mediaType="application/vnd.oci.artifact.manifest.v1+json"), None),
        (image(config="absent"), OCI_MANIFEST),
        (image(config=None), OCI_MANIFEST),
        (image(config={"mediaType": "a/b", "size": 1}), OCI_MANIFEST),
        (image(config=target("sha256:short")), OCI_MANIFEST),
        (image(config=target(CONFIG, size=-1)), OCI_MANIFEST),
        (image(layers=[target("md5:00")]), OCI_MANIFEST),
        (image(layers={}), OCI_MANIFEST),
        (image(subject={}), OCI_MANIFEST),
    ],
)
def test_what_cannot_be_a_manifest_is_invalid(content: bytes, content_type: str) -> None:
    with pytest.raises(ManifestInvalid):
        parse(content, content_type)


ALONE = "half of a surrogate pair stands alone in a text"
DEEP = b'{"schemaVersion":2,"x":' + b'{"a":' * 3000 + b"1" + b"}" * 3001


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"annotations":{"a":"\\ud800"}}', ALONE),
        (b'{"annotations":{"a":"\\udc00 b"}}', ALONE),
        (b'{"\\ud800":1}', ALONE),
        (b'{"annotations":{"a":"\\ud800 and text behind it"}}', ALONE),
        (b'{"annotations":{"a":"\\ud800\\u0041"}}', ALONE),
        (b'{"annotations":{"a":"\xff"}}', "a text in it is not UTF-8"),
        (b'{"annotations":{"a":"b', "it ends too early"),
        (b'{"annotations":{"a":"\\ud800', "it ends too early"),
        (b"", "it ends too early"),
        (DEEP, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_is_wrong(content: bytes, reason: str) -> None:
    with pytest.raises(ManifestInvalid) as refusal:
        parse(content)
    assert refusal.value.detail == {"reason": reason}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (image(manifests=[]), OCI_MANIFEST),
        (image(manifests=[target(CONFIG)], mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST),
        (index(config=target(CONFIG)), OCI_INDEX),
        (index(layers=[]), OCI_INDEX),
        (index(layers=[target(LAYER)], mediaType=DOCKER_LIST), DOCKER_LIST),
    ],
)
def test_a_manifest_that_is_also_an_index_is_invalid_cve_2021_41190(
    content: bytes, content_type: str
) -> None:
    with pytest.raises(ManifestInvalid):
        parse(content, content_type)


def test_too_many_references_are_invalid() -> None:
    content = image(layers=[target(LAYER)] * 4)
    assert len(parse(content, references_max=5).layers) == 4
    with pytest.raises(ManifestInvalid):
        parse(content, references_max=4)


def test_a_child_without_platform_is_no_matter_bug_museum_12() -> None:
    assert parse(index()).children[0].platform is None


def test_unknown_fields_and_null_annotations_are_no_matter() -> None:
    manifest = parse(image(annotations={"a": None, "b": "c"}, **{"org.example": [1, {}]}))
    assert manifest.annotations == {"a": "", "b": "c"}


@pytest.mark.parametrize(
    ("content", "artifact_type"),
    [
        (image(artifactType="application/sbom"), "application/sbom"),
        (image(), "application/x"),
        (index(artifactType="application/sbom"), "application/sbom"),
        (index(), None),
    ],
)
def test_the_artifact_type_of_an_image_is_else_that_of_its_config(
    content: bytes, artifact_type: str | None
) -> None:
    descriptor = parse(content).descriptor(Digest.of(content), len(content))
    assert descriptor.artifact_type == artifact_type


def test_only_a_layer_with_urls_of_a_foreign_type_may_live_elsewhere() -> None:
    foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    layers = [
        target(LAYER, foreign) | {"urls": ["https://example.com/layer"]},
        target(LAYER, foreign),
        target(LAYER) | {"urls": ["https://example.com/layer"]},
    ]
    manifest = parse(image(layers=layers))
    assert [layer.may_live_elsewhere for layer in manifest.layers] == [True, False, False]


def test_the_type_of_stored_schema_1_is_told_by_its_signatures() -> None:
    assert media_type_of(b'{"schemaVersion":1,"signatures":[]}') == SCHEMA1_SIGNED
    assert media_type_of(b'{"schemaVersion":1}') == SCHEMA1

"""Every path of registry-facts §1.4, made and recognised."""

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    LayersKeep,
    Quarantined,
    Recognised,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    TagIndex,
    UploadData,
    UploadHashState,
    UploadStarted,
    recognise,
)

NAME = Name("library/alpine")
HEX = "0123456789abcdef" * 4
DIGEST = Digest(f"sha256:{HEX}")
OTHER = Digest(f"sha512:{HEX}{HEX}")
UPLOAD = "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
ROOT = "/docker/registry/v2"
REPOSITORY = f"{ROOT}/repositories/library/alpine"

PATHS: list[tuple[Recognised, str]] = [
    (Quarantined(DIGEST, 2), f"/layerstore/quarantine/sha256/{HEX}/2"),
    (BlobData(DIGEST), f"{ROOT}/blobs/sha256/01/{HEX}/data"),
    (BlobData(OTHER), f"{ROOT}/blobs/sha512/01/{HEX}{HEX}/data"),
    (LayerLink(NAME, DIGEST), f"{REPOSITORY}/_layers/sha256/{HEX}/link"),
    (LayersKeep(NAME), f"{REPOSITORY}/_layers/keep"),
    (RevisionLink(NAME, DIGEST), f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/link"),
    (
        SignatureLink(NAME, DIGEST, OTHER),
        f"{REPOSITORY}/_manifests/revisions/sha256/{HEX}/signatures/sha512/{HEX}{HEX}/link",
    ),
    (TagCurrent(NAME, Tag("v1")), f"{REPOSITORY}/_manifests/tags/v1/current/link"),
    (TagIndex(NAME, Tag("v1"), DIGEST), f"{REPOSITORY}/_manifests/tags/v1/index/sha256/{HEX}/link"),
    (
        ReferrerLink(NAME, DIGEST, OTHER),
        f"{REPOSITORY}/_manifests/referrers/sha256/{HEX}/sha512/{HEX}{HEX}/link",
    ),
    (UploadData(NAME, UPLOAD), f"{REPOSITORY}/_uploads/{UPLOAD}/data"),
    (UploadStarted(NAME, UPLOAD), f"{REPOSITORY}/_uploads/{UPLOAD}/startedat"),
    (
        UploadHashState(NAME, UPLOAD, "sha256", 1024),
        f"{REPOSITORY}/_uploads/{UPLOAD}/hashstates/sha256/1024",
    ),
]


@pytest.mark.parametrize(("meaning", "path"), PATHS, ids=[type(m).__name__ for m, _ in PATHS])
def test_a_path_is_made_and_recognised(meaning: Recognised, path: str) -> None:
    assert meaning.path == path
    assert recognise(path) == meaning


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        ROOT,
        f"{ROOT}/blobs/sha256/02/{HEX}/data",
        f"{ROOT}/blobs/sha256/01/{HEX}/link",
        f"{ROOT}/blobs/md5/01/{HEX}/data",
        f"{ROOT}/repositories/_layers/sha256/{HEX}/link",
        f"{ROOT}/repositories/UPPER/_layers/sha256/{HEX}/link",
        f"{ROOT}/repositories/a",
        f"{REPOSITORY}/_layers/sha256/{HEX}",
        f"{REPOSITORY}/_layers/sha256/{HEX[:-1]}/link",
        f"{REPOSITORY}/_manifests/tags/.hidden/current/link",
        f"{REPOSITORY}/_manifests/other/sha256/{HEX}/link",
        f"{REPOSITORY}/_uploads/NOT-A-UUID/data",
        f"{REPOSITORY}/_uploads/{UPLOAD}/hashstates/sha256/01",
        f"{REPOSITORY}/_uploads/{UPLOAD}/hashstates/sha256/-1",
        f"{REPOSITORY}/_uploads/{UPLOAD}/hashstates/sha256/{'9' * 30}",
        f"/other{ROOT}/blobs/sha256/01/{HEX}/data",
    ],
)
def test_any_other_path_is_not_recognised(path: str) -> None:
    assert recognise(path) is None

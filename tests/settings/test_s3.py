"""`storage.s3`: what each key changes in the requests that a store is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.object_stores import S3Server, s3_server
from tests.settings.stores import MIB, Sent, opened, zeros

GIVEN = {"bucket": "images", "region": "eu-central-1", "accesskey": "AKIA", "secretkey": "s"}
AMAZON = "https://images.s3.eu-central-1.amazonaws.com"


async def put(folder: Path, sent: Sent, **keys: Any) -> tuple[str, dict[str, str]]:
    """The address and the headers of one small file that is written."""
    await opened(folder, "s3", {**GIVEN, **keys}).put("/a/b", b"content")
    (request,) = sent.of("PUT")
    return request.url, request.headers


ADDRESSES: list[tuple[dict[str, Any], str]] = [
    ({}, f"{AMAZON}/a/b"),
    ({"bucket": "other"}, "https://other.s3.eu-central-1.amazonaws.com/a/b"),
    ({"region": "us-west-2"}, "https://images.s3.us-west-2.amazonaws.com/a/b"),
    ({"secure": False}, f"{AMAZON.replace('https', 'http')}/a/b"),
    ({"forcepathstyle": True}, "https://s3.eu-central-1.amazonaws.com/images/a/b"),
    ({"usedualstack": True}, "https://images.s3.dualstack.eu-central-1.amazonaws.com/a/b"),
    ({"usefipsendpoint": True}, "https://images.s3-fips.eu-central-1.amazonaws.com/a/b"),
    ({"accelerate": True}, "https://images.s3-accelerate.amazonaws.com/a/b"),
    ({"rootdirectory": "/some/prefix/"}, f"{AMAZON}/some/prefix/a/b"),
    ({"regionendpoint": "http://minio:9000"}, "http://minio:9000/images/a/b"),
    (
        {"regionendpoint": "http://minio:9000", "forcepathstyle": False},
        "http://images.minio:9000/a/b",
    ),
]


@pytest.mark.parametrize(("keys", "address"), ADDRESSES, ids=str)
async def test_where_a_file_is_written(
    keys: dict[str, Any], address: str, tmp_path: Path, sent: Sent
) -> None:
    url, headers = await put(tmp_path, sent, **keys)
    assert url == address
    region = keys.get("region", GIVEN["region"])
    assert f"Credential=AKIA/20260102/{region}/s3/aws4_request" in headers["authorization"]


SAID: list[tuple[dict[str, Any], dict[str, str | None]]] = [
    ({}, {"x-amz-server-side-encryption": None, "x-amz-storage-class": None, "x-amz-acl": None}),
    ({"encrypt": True}, {"x-amz-server-side-encryption": "AES256"}),
    (
        {"encrypt": True, "keyid": "key"},
        {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "key",
        },
    ),
    ({"storageclass": "STANDARD_IA"}, {"x-amz-storage-class": "STANDARD_IA"}),
    ({"storageclass": "NONE"}, {"x-amz-storage-class": None}),
    ({"objectacl": "bucket-owner-full-control"}, {"x-amz-acl": "bucket-owner-full-control"}),
]


@pytest.mark.parametrize(("keys", "expected"), SAID, ids=str)
async def test_what_is_said_of_a_new_object(
    keys: dict[str, Any], expected: dict[str, str | None], tmp_path: Path, sent: Sent
) -> None:
    _, headers = await put(tmp_path, sent, **keys)
    assert {name: headers.get(name) for name in expected} == expected


async def test_useragent_is_added_to_our_own(tmp_path: Path, sent: Sent) -> None:
    _, headers = await put(tmp_path, sent, useragent="somebody/1")
    assert re.fullmatch(r"layerstore/\S+ somebody/1", headers["user-agent"])


async def test_accesskey_and_secretkey_sign(tmp_path: Path, sent: Sent) -> None:
    for secret in ("s", "another"):
        driver = opened(tmp_path, "s3", {**GIVEN, "accesskey": "AKIB", "secretkey": secret})
        await driver.put("/a/b", b"content")
    signed = [request.headers["authorization"] for request in sent.of("PUT")]
    assert all("Credential=AKIB/" in one for one in signed)
    assert len(set(signed)) == 2


@pytest.mark.parametrize("skipverify", [True, False])
async def test_skipverify_is_whether_certificates_go_unchecked(
    skipverify: bool, tmp_path: Path, sent: Sent
) -> None:
    await put(tmp_path, sent, skipverify=skipverify)
    assert sent.clients == [{"verify": not skipverify}]


@pytest.mark.parametrize(
    ("keys", "beginning"),
    [({}, AMAZON), ({"redirectendpoint": "https://seen.example"}, "https://seen.example/images")],
    ids=str,
)
async def test_redirectendpoint_is_where_clients_are_sent(
    keys: dict[str, Any], beginning: str, tmp_path: Path, sent: Sent
) -> None:
    driver = opened(tmp_path, "s3", {**GIVEN, "forcepathstyle": bool(keys), **keys})
    url = await driver.url_for("/a/b", 60, "GET")
    assert (url or "").startswith(f"{beginning}/a/b?")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


def parts(sent: Sent) -> list[int]:
    return [one.size for one in sent.requests if "partNumber=" in one.url and one.size]


@pytest.mark.parametrize(("written", "sizes"), [(5, [5, 5, 1]), (6, [6, 5])])
async def test_chunksize_is_that_of_a_part(
    written: int, sizes: list[int], store: S3Server, tmp_path: Path, sent: Sent
) -> None:
    keys = store.parameters(chunksize=written * MIB, buffers=100 * MIB)
    await opened(tmp_path, "s3", keys, fake=False).put("/whole", zeros(11 * MIB))
    assert [size // MIB for size in parts(sent)] == sizes


@pytest.mark.parametrize(("buffers", "most"), [(5, 1), (10, 2)])
async def test_buffers_bound_the_parts_that_are_sent_side_by_side(
    buffers: int, most: int, store: S3Server, tmp_path: Path, sent: Sent
) -> None:
    keys = store.parameters(chunksize=5 * MIB, buffers=buffers * MIB)
    driver = opened(tmp_path, "s3", keys, fake=False)
    await asyncio.gather(*(driver.put(f"/{number}", zeros(10 * MIB)) for number in range(4)))
    assert sent.most["part"] == most


@pytest.mark.parametrize(
    ("threshold", "size", "at_once", "copied"),
    [(12, 5, 1, 0), (6, 5, 1, 3), (6, 6, 1, 2), (6, 5, 3, 3)],
)
async def test_multipartcopythresholdsize_chunksize_and_maxconcurrency_say_how_a_copy_is_made(
    threshold: int,
    size: int,
    at_once: int,
    copied: int,
    store: S3Server,
    tmp_path: Path,
    sent: Sent,
) -> None:
    keys = store.parameters(
        multipartcopythresholdsize=threshold * MIB,
        multipartcopychunksize=size * MIB,
        multipartcopymaxconcurrency=at_once,
    )
    driver = opened(tmp_path, "s3", keys, fake=False)
    await driver.put("/source", zeros(12 * MIB))
    await driver.move("/source", "/target")
    ranges = [one for one in sent.of("PUT") if one.kind == "copied part"]
    assert len(ranges) == copied
    assert sent.most["copied part"] == min(at_once, copied)
    assert (await driver.stat("/target")).size == 12 * MIB

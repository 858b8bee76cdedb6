"""`storage.s3`: what each key changes in the requests that a store is sent."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from layerstore.app import open_driver
from layerstore.clock import SystemClock
from layerstore.config import load
from layerstore.storage.driver import StorageDriver
from layerstore.storage.objects.http import Answer, HttpClient
from layerstore.storage.objects.store import Body
from tests.fakes import FakeClock
from tests.object_stores import S3Server, s3_server

MIB = 1024 * 1024
GIVEN = {"bucket": "images", "region": "eu-central-1", "accesskey": "AKIA", "secretkey": "s"}
AMAZON = "https://images.s3.eu-central-1.amazonaws.com"


@dataclass
class Sent:
    """The requests that were made, and how many of a kind ran side by side."""

    requests: list[tuple[str, str, Mapping[str, str], int]] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    verify: list[bool] = field(default_factory=list)

    def of(self, method: str) -> list[tuple[str, Mapping[str, str]]]:
        return [(url, headers) for done, url, headers, _ in self.requests if done == method]

    def begin(self, method: str, url: str, headers: Mapping[str, str], size: int) -> str:
        self.requests.append((method, url, headers, size))
        copies = "x-amz-copy-source-range" in {name.lower() for name in headers}
        kind = "copied part" if copies else "part" if "partNumber=" in url else "other"
        self.running[kind] += 1
        self.most[kind] = max(self.most[kind], self.running[kind])
        return kind


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is sent. Stores behind names that nobody has take everything at once."""
    seen = Sent()
    real_ask, real_init = HttpClient.ask, HttpClient.__init__

    def begun(self: HttpClient, *, verify: bool = True) -> None:
        seen.verify.append(verify)
        real_init(self, verify=verify)

    async def asked(
        self: HttpClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        *rest: float,
    ) -> Answer:
        size = len(body) if isinstance(body, bytes) else body.size
        kind = seen.begin(method, url, headers, size)
        try:
            if urlsplit(url).hostname == "127.0.0.1":
                return await real_ask(self, method, url, headers, body, *rest)
            return Answer(200, {"ETag": '"tag"'}, b"")
        finally:
            seen.running[kind] -= 1

    monkeypatch.setattr(HttpClient, "__init__", begun)
    monkeypatch.setattr(HttpClient, "ask", asked)
    return seen


def opened(folder: Path, keys: Mapping[str, Any], *, fake: bool = True) -> StorageDriver:
    """The driver of a server of one worker with these keys below `storage.s3`."""
    file = folder / "config.yml"
    config = {"version": 0.1, "storage": {"s3": dict(keys)}, "http": {"workers": 1}}
    file.write_text(yaml.safe_dump(config))
    clock = FakeClock() if fake else SystemClock()
    return open_driver(load(file, {}).config, clock)


async def put(folder: Path, sent: Sent, **keys: Any) -> tuple[str, dict[str, str]]:
    """The address and the headers of one small file that is written."""
    await opened(folder, {**GIVEN, **keys}).put("/a/b", b"content")
    ((url, headers),) = sent.of("PUT")
    return url, {name.lower(): value for name, value in headers.items()}


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
        driver = opened(tmp_path, {**GIVEN, "accesskey": "AKIB", "secretkey": secret})
        await driver.put("/a/b", b"content")
    signed = [headers["authorization"] for _, headers in sent.of("PUT")]
    assert all("Credential=AKIB/" in one for one in signed)
    assert len(set(signed)) == 2


@pytest.mark.parametrize("skipverify", [True, False])
async def test_skipverify_is_whether_certificates_go_unchecked(
    skipverify: bool, tmp_path: Path, sent: Sent
) -> None:
    await put(tmp_path, sent, skipverify=skipverify)
    assert sent.verify == [not skipverify]


@pytest.mark.parametrize(
    ("keys", "beginning"),
    [({}, AMAZON), ({"redirectendpoint": "https://seen.example"}, "https://seen.example/images")],
    ids=str,
)
async def test_redirectendpoint_is_where_clients_are_sent(
    keys: dict[str, Any], beginning: str, tmp_path: Path, sent: Sent
) -> None:
    driver = opened(tmp_path, {**GIVEN, "forcepathstyle": bool(keys), **keys})
    url = await driver.url_for("/a/b", 60, "GET")
    assert (url or "").startswith(f"{beginning}/a/b?")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


async def zeros(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MIB):
        yield bytes(MIB)


def parts(sent: Sent) -> list[int]:
    return [size for _, url, _, size in sent.requests if "partNumber=" in url and size]


@pytest.mark.parametrize(("written", "sizes"), [(5, [5, 5, 1]), (6, [6, 5])])
async def test_chunksize_is_that_of_a_part(
    written: int, sizes: list[int], store: S3Server, tmp_path: Path, sent: Sent
) -> None:
    keys = store.parameters(chunksize=written * MIB, buffers=100 * MIB)
    await opened(tmp_path, keys, fake=False).put("/whole", zeros(11 * MIB))
    assert [size // MIB for size in parts(sent)] == sizes


@pytest.mark.parametrize(("buffers", "most"), [(5, 1), (10, 2)])
async def test_buffers_bound_the_parts_that_are_sent_side_by_side(
    buffers: int, most: int, store: S3Server, tmp_path: Path, sent: Sent
) -> None:
    keys = store.parameters(chunksize=5 * MIB, buffers=buffers * MIB)
    driver = opened(tmp_path, keys, fake=False)
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
    driver = opened(tmp_path, keys, fake=False)
    await driver.put("/source", zeros(12 * MIB))
    await driver.move("/source", "/target")
    ranges = [url for url, headers in sent.of("PUT") if "x-amz-copy-source-range" in headers]
    assert len(ranges) == copied
    assert sent.most["copied part"] == min(at_once, copied)
    assert (await driver.stat("/target")).size == 12 * MIB

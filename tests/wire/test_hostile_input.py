"""Addresses, documents and stored values that were made to do harm, against a whole registry.

What is looked at: the answer as it was sent, how long it took, and what there is on the disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.edge import Answer, Served
from tests.faults.counts import Counted
from tests.wire.configured import served
from tests.wire.stock import CONFIG, LAYER, OCI_INDEX, OCI_MANIFEST, descriptor, digest_of, image

MIB = 1024 * 1024
SOON_S = 3.0
"""What takes longer grows faster than what was sent: at most 4 MiB."""

STORAGE = "storage:\n  filesystem: {{rootdirectory: {root}}}\n  delete: {{enabled: true}}\n"
UUID = "00000000-0000-4000-8000-000000000000"


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[Served]:
    async with served(STORAGE.format(root=folder / "root"), folder) as server:
        yield server


def told(answer: Answer) -> str:
    """The code of the first error."""
    assert answer.body is not None
    code: str = json.loads(answer.body)["errors"][0]["code"]
    return code


OUT = [
    "..",
    "../..",
    "../../../../etc",
    "a/../../..",
    "a/./b",
    ".",
    "a/..",
    "%2e%2e",
    "%2E%2E%2F%2e%2e",
    "..%2f..%2fetc",
    "..%5c..%5cetc",
    "%252e%252e%252f",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%c0%af",
    "%f0%80%80%af",
    "%ed%a0%80",
    "%u002e%u002e",
    "a%00",
    "a%00/../..",
    "a%0d%0aX-Injected:%20y",
    "a%0a",
    "a%20b",
    "a%7f",
    "a;x=y",
    "a/..;/b",
    "%EF%BC%8E%EF%BC%8E",
    "%E2%80%AE",
    "a%CC%81",
    "~root",
    ".git",
    "-a",
    "_a",
    "a_",
    "a__",
    "A",
    "a//b",
    "/a",
    "\\\\host\\share",
    "C:",
    "a:b",
    "*",
    "a" * 256,
    "/".join(["a"] * 200),
    "a/" * 130 + "a",
]


@pytest.mark.parametrize("name", OUT)
async def test_no_name_leads_anywhere_but_below_its_repository(
    name: str, tmp_path: Path, counted: Counted
) -> None:
    """Refused in words, whatever is asked; no file appears anywhere."""
    counted("names that lead nowhere, each asked in ten ways")
    targets = {
        "GET": [f"/v2/{name}/tags/list", f"/v2/a/manifests/{name}", f"/v2/a/blobs/{name}"],
        "PUT": [f"/v2/{name}/manifests/latest", f"/v2/a/manifests/{name}"],
        "POST": [f"/v2/{name}/blobs/uploads/"],
        "DELETE": [f"/v2/{name}/manifests/x", f"/v2/a/blobs/uploads/{name}"],
        "PATCH": [f"/v2/a/blobs/uploads/{name}", f"/v2/{name}/blobs/uploads/{UUID}"],
    }
    async with registry(tmp_path) as server:
        before = everything_below(tmp_path)
        for method, every in targets.items():
            for target in every:
                headers = f"Content-Type: {OCI_INDEX}\r\n" if method == "PUT" else ""
                body = EMPTY_INDEX if method == "PUT" else b""
                answer = await server.ask(target, method=method, headers=headers, body=body)
                if name in GOOD_TAGS and target == f"/v2/a/manifests/{name}":
                    continue
                assert answer.status in (400, 404, 405), (method, target, answer)
                assert told(answer).replace("_", "").isupper()
                assert "x-injected" not in answer.headers
        if name not in GOOD_TAGS:
            assert everything_below(tmp_path) == before


EMPTY_INDEX = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
GOOD_TAGS = {"_a", "a_", "a__", "A"}
"""No names of repositories, but good ones of tags."""


def everything_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "locks" not in path.parts}


async def test_an_encoded_slash_is_a_slash_and_nothing_else(tmp_path: Path) -> None:
    """There is one address for everything, however it is written."""
    async with registry(tmp_path) as server:
        headers = f"Content-Type: {OCI_INDEX}\r\n"
        target = "/v2/one%2Ftwo/manifests/latest"
        pushed = await server.ask(target, method="PUT", headers=headers, body=EMPTY_INDEX)
        assert pushed.status == 201
        assert pushed.headers["location"].startswith("/v2/one/two/manifests/")
        assert (await server.ask("/v2/one/two/manifests/latest")).body == EMPTY_INDEX


@pytest.mark.parametrize("length", [255, 256, 4000, 100_000])
async def test_names_of_any_length_have_an_answer(length: int, tmp_path: Path) -> None:
    """255 characters are a name, of folders that every file system has room for."""
    name = (("a" * 63 + "/") * (length // 64 + 1))[: length - 1] + "a"
    async with registry(tmp_path) as server:
        headers = f"Content-Type: {OCI_INDEX}\r\n"
        target = f"/v2/{name}/manifests/latest"
        answer = await server.ask(target, method="PUT", headers=headers, body=EMPTY_INDEX)
    assert answer.status == (201 if length == 255 else 400 if length <= 4000 else 414)


async def test_a_name_whose_one_folder_is_too_long_for_any_disk(tmp_path: Path) -> None:
    async with registry(tmp_path) as server:
        answer = await server.ask(f"/v2/{'a' * 255}/blobs/uploads/", method="POST")
    assert answer.status == 202


def nested(opening: str, closing: str, depth: int, within: str) -> bytes:
    """A manifest with something deep in one of its members."""
    value = opening * depth + closing * depth
    document = json.dumps(json.loads(image()) | {"annotations": {"a": "b"}})
    return document.replace('"b"', value).replace('"annotations"', f'"{within}"').encode()


MANIFESTS: dict[str, bytes] = {
    "arrays-within-arrays": nested("[", "]", 100_000, "annotations"),
    "objects-within-objects": nested('{"a":', "}", 100_000, "annotations"),
    "arrays-where-nobody-looks": nested("[", "]", 100_000, "unknown"),
    "arrays-without-an-end": b"[" * (4 * MIB),
    "objects-without-an-end": b'{"a":' * (MIB // 2),
    "a-number-of-many-digits": image().replace(b'"size": ', b'"size": ' + b"9" * (2 * MIB), 1),
    "a-fraction-of-many-digits": image().replace(b'"size": ', b'"size": 0.' + b"9" * MIB, 1),
    "an-exponent-of-many-digits": image().replace(b'"size": ', b'"size": 1e' + b"9" * MIB, 1),
    "one-key-many-times": b"{" + b'"layers":[],' * 300_000 + b'"schemaVersion":2}',
    "many-keys": json.dumps({str(number): 0 for number in range(300_000)}).encode(),
    "keys-that-differ-at-their-end": json.dumps(
        {"a" * 200 + str(number): 0 for number in range(15_000)}
    ).encode(),
    "many-annotations": image(annotations={str(number): "" for number in range(200_000)}),
    "a-string-of-escapes": b'{"schemaVersion":2,"mediaType":"' + b"\\u0000" * 600_000 + b'"}',
    "half-of-a-pair": b'{"schemaVersion":2,"mediaType":"\\ud800"}',
    "no-utf-8": b'{"schemaVersion":2,"mediaType":"\xff\xfe"}',
    "a-byte-order-mark": b"\xef\xbb\xbf" + EMPTY_INDEX,
    "utf-16": EMPTY_INDEX.decode().encode("utf-16"),
    "no-number": b'{"schemaVersion":NaN}',
    "spaces": b" " * (4 * MIB - 2) + b"{}",
    "many-layers": image(layers=(LAYER,) * 10_001),
    "many-urls": image(layers=()).replace(
        b'"layers": []',
        b'"layers": [%s]'
        % json.dumps(descriptor(LAYER, "a/b", urls=["x" * 20] * 100_000)).encode(),
    ),
}


@pytest.mark.parametrize("content", MANIFESTS.values(), ids=MANIFESTS.keys())
async def test_documents_that_cost_more_than_they_weigh_are_answered_soon(
    content: bytes, tmp_path: Path, counted: Counted
) -> None:
    counted("documents that cost more than they weigh")
    assert len(content) <= 4 * MIB
    async with registry(tmp_path) as server:
        await push_blobs(server)
        headers = f"Content-Type: {OCI_MANIFEST}\r\n"
        began = time.process_time()
        answer = await server.ask("/v2/a/manifests/x", method="PUT", headers=headers, body=content)
        assert time.process_time() - began < SOON_S
    assert answer.status in (201, 400), answer
    if answer.status == 400:
        assert told(answer) in ("MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID")
        assert len(answer.body or b"") < 20_000


async def push_blobs(server: Served) -> None:
    for content in (CONFIG, LAYER):
        target = f"/v2/a/blobs/uploads/?digest={digest_of(content)}"
        assert (await server.ask(target, method="POST", body=content)).status == 201


QUERIES = {
    "many-parameters": "&".join(f"a{number}=" for number in range(1_500)),
    "one-parameter-many-times": "n=1&" * 1_500,
    "many-tags": "&".join(f"tag=t{number}" for number in range(800)),
    "nothing-but-separators": "&" * 8_000,
    "nothing-but-escapes": "%41" * 2_700,
    "half-an-escape": "n=%4&last=%",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
async def test_queries_that_cost_more_than_they_weigh_are_answered_soon(
    query: str, tmp_path: Path, counted: Counted
) -> None:
    counted("queries that cost more than they weigh")
    async with registry(tmp_path) as server:
        for method, path in (("GET", "/v2/_catalog"), ("PUT", f"/v2/a/manifests/{digest_of(b'')}")):
            began = time.process_time()
            answer = await server.ask(f"{path}?{query}", method=method)
            assert time.process_time() - began < SOON_S
            assert answer.status in (200, 400, 404, 414), answer


HEADERS = {
    "accept": "Accept: " + "a/b;q=0.1," * 6_000,
    "accept-of-parameters": "Accept: a/b" + ";x=y" * 15_000,
    "range": "Range: bytes=" + "0-0," * 15_000,
    "range-of-digits": "Range: bytes=" + "9" * 60_000 + "-",
    "conditions": "If-None-Match: " + '"a",' * 15_000,
    "conditions-without-an-end": 'If-None-Match: "' + "W/" * 30_000,
    "authorization": "Authorization: Basic " + "A" * 60_000,
    "token": "Authorization: Bearer " + "a." * 30_000,
    "many-lines-of-one-name": "\r\n".join(["Accept: a/b"] * 90),
    "a-long-agent": "User-Agent: docker/1." + "9" * 60_000,
}


@pytest.mark.parametrize("line", HEADERS.values(), ids=HEADERS.keys())
async def test_headers_that_cost_more_than_they_weigh_are_answered_soon(
    line: str, tmp_path: Path, counted: Counted
) -> None:
    counted("headers that cost more than they weigh")
    async with registry(tmp_path) as server:
        await push_blobs(server)
        for target in (f"/v2/a/blobs/{digest_of(LAYER)}", "/v2/a/manifests/none"):
            began = time.process_time()
            answer = await server.ask(target, headers=f"{line}\r\n")
            assert time.process_time() - began < SOON_S
            assert answer.status in (200, 206, 304, 400, 404, 416, 431), answer


INJECTIONS = [
    "a\r\nX-Injected: y",
    "a\nX-Injected: y",
    "a\rX-Injected: y",
    "a\r\n\r\nHTTP/1.1 200 OK\r\nX-Injected: y",
    "a\x00b",
    "a\u2028X-Injected: y",
    "a\u010d\u010aX-Injected: y",
    "\u560d\u560aX-Injected: y",
    "é€😀",
    '"; filename="x',
]
"""The letters with 0d and 0a in them become line ends where somebody keeps the low byte only."""


@pytest.mark.parametrize("value", INJECTIONS)
async def test_no_stored_value_makes_a_header(value: str, tmp_path: Path, counted: Counted) -> None:
    """Everything that a manifest may say, and that an answer may repeat."""
    counted("values that would be headers, each in seven places")
    async with registry(tmp_path) as server:
        await push_blobs(server)
        subject = digest_of(image())
        assert (await put(server, "subject", image())).status == 201
        for number, content in enumerate(hostile_manifests(value)):
            pushed = await put(server, f"hostile{number}", content)
            check_head(pushed)
            for method in ("GET", "HEAD"):
                check_head(await server.ask(f"/v2/a/manifests/hostile{number}", method=method))
        check_head(await server.ask(f"/v2/a/referrers/{subject}"))


async def put(server: Served, tag: str, content: bytes) -> Answer:
    headers = f"Content-Type: {OCI_MANIFEST}\r\n"
    return await server.ask(f"/v2/a/manifests/{tag}", method="PUT", headers=headers, body=content)


def hostile_manifests(value: str) -> list[bytes]:
    subject: dict[str, Any] = {"subject": descriptor(image(), OCI_MANIFEST)}
    config = descriptor(CONFIG, value)
    layer = descriptor(LAYER, value, urls=[value], annotations={"title": value})
    return [
        image(artifactType=value, **subject),
        image(annotations={value: value}, **subject),
        image(config=config, **subject),
        image(subject=descriptor(image(), value)),
        image(mediaType=value),
        json.dumps(json.loads(image()) | {"layers": [layer]}).encode(),
    ]


@pytest.mark.parametrize(
    "target",
    [
        "/v2/_catalog?n=1&last={}",
        "/v2/a/tags/list?n=1&last={}",
        "/v2/a/referrers/{digest}?artifactType={}",
        "/v2/a/referrers/{digest}?artifactType=x&last={}",
        "/v2/a/blobs/uploads/?digest-algorithm={}",
        "/v2/a/blobs/uploads/?mount={}&from={}",
        "/v2/a/manifests/{}",
    ],
)
async def test_no_part_of_an_address_makes_a_header(target: str, tmp_path: Path) -> None:
    encoded = ["%0d%0aX-Injected:%20y", "%0aX-Injected:y", "a%E5%98%8A%E5%98%8DX-Injected:y"]
    method = "POST" if "uploads" in target else "GET"
    async with registry(tmp_path) as server:
        for tag in ("one", "two"):
            headers = f"Content-Type: {OCI_INDEX}\r\n"
            await server.ask(
                f"/v2/a/manifests/{tag}", method="PUT", headers=headers, body=EMPTY_INDEX
            )
        for value in encoded:
            asked = target.replace("{digest}", digest_of(b"")).replace("{}", value)
            check_head(await server.ask(asked, method=method))


def check_head(answer: Answer) -> None:
    """Every line is one that the registry means to send; nothing follows behind the body."""
    assert answer.status < 500, answer
    assert "x-injected" not in answer.headers
    for name, value in answer.headers.items():
        assert name in KNOWN, (name, value)
        assert value.isprintable(), (name, value)
        assert value.isascii(), (name, value)


KNOWN = {
    "accept-ranges",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-size",
    "docker-upload-uuid",
    "etag",
    "link",
    "location",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "retry-after",
    "server",
    "vary",
    "x-request-id",
}

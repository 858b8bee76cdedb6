"""What is asked of Google's store, where a server that plays it is no judge."""

from __future__ import annotations

import json

import pytest

from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.gcs.address import Address
from layerstore.storage.gcs.bucket import COMPOSED_MAX, GcsBucket
from layerstore.storage.gcs.credentials import Nobody
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.store import ObjectInfo, Part
from tests.fakes import EPOCH, FakeClock
from tests.unit.storage.answering import AnsweringClient, Request

SESSION = "application/x-docker-upload-session"


def described(name: str = "key", **more: str) -> Answer:
    return Answer(200, {}, json.dumps({"name": name, "generation": "7", **more}).encode())


def bucket_on(client: AnsweringClient) -> GcsBucket:
    return GcsBucket(Address("https://store.example", "images"), Nobody(), FakeClock(), client)


async def test_what_the_original_keeps_of_an_upload_is_no_file() -> None:
    client = AnsweringClient(lambda _: described(contentType=SESSION))
    assert await bucket_on(client).head("key") is None
    client = AnsweringClient(lambda _: Answer(200, {"Content-Type": SESSION}, b"tail"))
    assert await bucket_on(client).get("key") is None


async def test_a_copy_is_asked_for_until_it_is_done() -> None:
    def answer(request: Request) -> Answer:
        if "rewriteToken" not in request.url:
            return Answer(200, {}, b'{"done": false, "rewriteToken": "go on"}')
        return Answer(200, {}, b'{"done": true, "resource": {"name": "b", "generation": "8"}}')

    client = AnsweringClient(answer)
    await bucket_on(client).copy(ObjectInfo("a/x", 10, EPOCH, "7"), "b")
    assert [request.url for request in client.asked] == [
        "https://store.example/storage/v1/b/images/o/a%2Fx/rewriteTo/b/images/o/b"
        f"?sourceGeneration=7{token}"
        for token in ("", "&rewriteToken=go%20on")
    ]


@pytest.mark.parametrize(
    ("number", "composed"), [(1, 1), (32, 1), (33, 3), (1024, 33), (1025, 36), (10_000, 324)]
)
async def test_parts_are_composed_32_at_a_time(number: int, composed: int) -> None:
    joined: dict[str, list[str]] = {}

    def answer(request: Request) -> Answer:
        name = request.url.rpartition("/o/")[2].split("?")[0].split("/")[0]
        if request.url.endswith("/compose"):
            sources = json.loads(request.content)["sourceObjects"]
            assert 0 < len(sources) <= COMPOSED_MAX
            joined[name] = [
                leaf
                for source in sources
                for leaf in joined.get(_encoded(source["name"]), [source["name"]])
            ]
        if request.method == "GET" and "prefix=" in request.url:
            return Answer(200, {}, b"{}")
        return described(name)

    client = AnsweringClient(answer)
    parts = [Part(turn, 1, f"part-{turn}@{turn}") for turn in range(number)]
    await bucket_on(client).complete("key", "upload", parts)
    assert joined["key"] == [f"part-{turn}" for turn in range(number)]
    assert sum(request.url.endswith("/compose") for request in client.asked) == composed


def _encoded(name: str) -> str:
    return name.replace("!", "%21")


async def test_a_bucket_that_is_not_there_is_told() -> None:
    absent = b'{"error": {"message": "The specified bucket does not exist."}}'
    bucket = bucket_on(AnsweringClient(lambda _: Answer(404, {}, absent)))
    with pytest.raises(StorageUnavailable, match="there is no such bucket"):
        await bucket.get("key")
    with pytest.raises(StorageUnavailable, match="there is no such bucket"):
        await bucket.check()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"items": [{"name": 1}]}', b"<html>"])
async def test_what_is_no_answer_of_the_store_is_told(content: bytes) -> None:
    bucket = bucket_on(AnsweringClient(lambda _: Answer(200, {}, content)))
    with pytest.raises(StorageUnavailable, match="not that of Google"):
        await bucket.head("key")

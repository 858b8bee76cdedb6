"""What is asked of Microsoft's store, where a server that plays it is no judge."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from layerstore.storage.azure.address import Address
from layerstore.storage.azure.answers import UNFINISHED
from layerstore.storage.azure.authority import BySignature, ByToken
from layerstore.storage.azure.container import AzureContainer
from layerstore.storage.driver import OutOfSpace, StorageUnavailable
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.patience import Patience
from layerstore.storage.objects.store import ConditionFailed, ObjectInfo
from layerstore.storage.objects.tokens import Token, Tokens
from tests.fakes import EPOCH, FakeClock
from tests.unit.storage.answering import AnsweringClient, Request

ADDRESS = Address("a", "https://a.example", "c")
MADE = Answer(201, {"ETag": '"1"'}, b"")
LISTED = b"<EnumerationResults><Blobs>%s</Blobs><NextMarker>%s</NextMarker></EnumerationResults>"
BLOB = b"<Blob><Name>%s</Name><Properties><Etag>0x1</Etag></Properties></Blob>"


def by_signature(client: AnsweringClient) -> AzureContainer:
    clock = FakeClock()
    authority = BySignature(ADDRESS, "sv=1&sig=x%3D")
    return AzureContainer(ADDRESS, authority, clock, client, Patience("azure", clock))


async def test_a_signature_is_added_to_every_request_and_shown_to_no_client() -> None:
    client = AnsweringClient(lambda _: MADE)
    container = by_signature(client)
    await container.put("key", b"content")
    await container.copy(ObjectInfo("from", 1, EPOCH, '"1"'), "to")
    assert client.asked[0].url == "https://a.example/c/key?sv=1&sig=x%3D"
    assert client.asked[1].headers["x-ms-copy-source"] == ("https://a.example/c/from?sv=1&sig=x%3D")
    assert await container.url("key", 60, "GET") is None


async def test_a_user_copies_by_his_token() -> None:
    clock, client = FakeClock(), AnsweringClient(lambda _: MADE)

    async def ask() -> Token:
        return Token("shown", clock.now().replace(year=2030))

    authority = ByToken(ADDRESS, Tokens(ask, clock))
    container = AzureContainer(ADDRESS, authority, clock, client, Patience("azure", clock))
    await container.copy(ObjectInfo("from", 1, EPOCH, '"1"'), "to")
    headers = client.asked[0].headers
    assert headers["authorization"] == headers["x-ms-copy-source-authorization"] == "Bearer shown"
    assert (headers["x-ms-requires-sync"], headers["x-ms-source-if-match"]) == ("true", '"1"')


async def test_a_token_that_ended_is_asked_for_again() -> None:
    clock, given = FakeClock(), iter(["old", "new"])

    async def ask() -> Token:
        return Token(next(given), clock.now().replace(year=2030))

    def answer(request: Request) -> Answer:
        return MADE if request.headers["authorization"] == "Bearer new" else Answer(401, {}, b"")

    client = AnsweringClient(answer)
    authority = ByToken(ADDRESS, Tokens(ask, clock))
    container = AzureContainer(ADDRESS, authority, clock, client, Patience("azure", clock))
    assert await container.put("key", b"") == '"1"'


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, ConditionFailed), (403, StorageUnavailable), (409, StorageUnavailable)],
)
async def test_a_source_that_cannot_be_copied_is_gone_only_when_the_store_says_so(
    status: int, error: type[Exception]
) -> None:
    refusal = Answer(status, {"x-ms-error-code": "CannotVerifyCopySource"}, b"")
    source = ObjectInfo("from", 1, EPOCH, '"1"')
    with pytest.raises(error):
        await by_signature(AnsweringClient(lambda _: refusal)).copy(source, "to")
    passing = iter([refusal._replace(status=500), MADE])
    client = AnsweringClient(lambda _: next(passing))
    await by_signature(client).copy_part("to", "upload", 1, source, 0, 1)
    assert len(client.asked) == 2


async def test_what_stands_there_to_have_its_blocks_thrown_away_is_no_file() -> None:
    container = by_signature(
        AnsweringClient(lambda _: Answer(200, {"Content-Type": UNFINISHED}, b""))
    )
    assert await container.get("key") is None
    assert await container.head("key") is None


async def test_pages_before_a_point_are_passed_over() -> None:
    pages = {
        "": LISTED % (BLOB % b"a" + BLOB % b"b", b"two"),
        "two": LISTED % (BLOB % b"c" + BLOB % b"d", b"three"),
        "three": LISTED % (BLOB % b"e", b""),
    }

    def answer(request: Request) -> Answer:
        query = parse_qs(urlsplit(request.url).query)
        return Answer(200, {}, pages[query.get("marker", [""])[0]])

    page = await by_signature(AnsweringClient(answer)).page("", after="c")
    assert ([item.key for item in page.objects], page.more) == (["d"], "three")
    assert page.objects[0].etag == '"0x1"'
    page = await by_signature(AnsweringClient(answer)).page("", after="z")
    assert (page.objects, page.more) == ([], None)


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (404, "ContainerNotFound", StorageUnavailable, "no such container"),
        (403, "AuthenticationFailed", StorageUnavailable, "403 AuthenticationFailed"),
        (409, "BlobImmutableDueToPolicy", StorageUnavailable, "BlobImmutableDueToPolicy"),
        (412, "LeaseIdMissing", StorageUnavailable, "LeaseIdMissing"),
        (409, "AccountLimitExceeded", OutOfSpace, "no space"),
        (409, "BlobAlreadyExists", ConditionFailed, None),
        (412, "ConditionNotMet", ConditionFailed, None),
        (403, "with\r\nlines", StorageUnavailable, "answers 403: /key"),
    ],
)
async def test_a_refusal_means_what_its_code_says(
    status: int, code: str, error: type[Exception], reason: str | None
) -> None:
    client = AnsweringClient(lambda _: Answer(status, {"x-ms-error-code": code}, b""))
    with pytest.raises(error, match=reason):
        await by_signature(client).put("key", b"", '"1"')
    assert len(client.asked) == 1


@pytest.mark.parametrize("content", [b"", b"<a/>", LISTED % (b"<Blob/>", b"")])
async def test_what_is_no_answer_of_the_store_is_told(content: bytes) -> None:
    container = by_signature(AnsweringClient(lambda _: Answer(200, {}, content)))
    with pytest.raises(StorageUnavailable, match="not that of Azure"):
        await container.check()

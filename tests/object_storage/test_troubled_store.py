"""A store that is slow, throttles, breaks off, forgets what it answered, or is not there."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.name import Tag
from layerstore.registry.repository import Repository
from layerstore.storage.driver import InvalidOffset, OutOfSpace, StorageUnavailable
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.patience import ATTEMPTS_MAX, FAILURES_MAX, Trouble
from layerstore.storage.s3.opened import open_s3
from tests.contract.content import chunks, sliced, some_bytes, upload, whole
from tests.meddling import Asked, MeddlingClient, refused, sometimes
from tests.object_stores import S3Server
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

PART = 5 * 1024 * 1024
DATA = "/uploads/one/data"
PASSING: dict[str, Answer | Trouble] = {
    "throttled": refused(503, "SlowDown"),
    "broken inside": refused(500, "InternalError"),
    "reset": Trouble("the connection to the store broke"),
    "too many": refused(429, "TooManyRequests"),
    "too slow for it": refused(400, "RequestTimeout"),
}


class HurriedClock(SystemClock):
    """Pauses take no time; how long they would be is written down."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.fixture
def clock() -> HurriedClock:
    return HurriedClock()


@pytest.fixture
def driver(
    store: S3Server, client: MeddlingClient, clock: HurriedClock, request: pytest.FixtureRequest
) -> ObjectStoreDriver:
    root = f"troubled-{abs(hash(request.node.nodeid))}"
    return open_s3(store.settings(root=root), clock, client)


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
async def test_what_passes_is_tried_again(
    driver: ObjectStoreDriver,
    client: MeddlingClient,
    clock: HurriedClock,
    trouble: Answer | Trouble,
) -> None:
    content = some_bytes(2 * PART + 100)
    for kind in (
        *("PutObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy"),
        *("CompleteMultipartUpload", "CopyObject", "HeadObject", "GetObject", "ListObjectsV2"),
        *("DeleteObject", "DeleteObjects"),
    ):
        client.before = sometimes(kind, 3, trouble)
        await upload(driver, DATA, content)
        await driver.move(DATA, "/blobs/data", len(content))
        assert [name async for name in driver.names("/")] == ["blobs"]
        assert await driver.get("/blobs/data") == content
        await driver.delete("/blobs")
    assert all(0 < pause <= 2 for pause in clock.pauses)
    assert len(set(clock.pauses)) > 3


@pytest.mark.parametrize("kind", ["PutObject", "CompleteMultipartUpload", "UploadPart"])
async def test_an_answer_that_is_lost_changes_nothing(
    driver: ObjectStoreDriver, client: MeddlingClient, kind: str
) -> None:
    """The store did what it was asked, and is asked once more."""
    content = some_bytes(2 * PART + 100)
    for skipped in range(6):
        left = [skipped]

        def lose(asked: Asked, left: list[int] = left) -> Answer | None:
            if asked.kind == kind:
                left[0] -= 1
                if left[0] == -1:
                    raise Trouble("the connection to the store broke")
            return None

        client.after = lose
        await upload(driver, DATA, content)
        await driver.move(DATA, "/blobs/data", len(content))
        assert await driver.get("/blobs/data") == content


async def test_a_read_that_breaks_off_goes_on_where_it_was(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    content = some_bytes(3 * PART)
    await driver.put("/file", sliced(content, PART))
    client.breaks_after = 700_000
    assert await whole(driver, "/file", 5, len(content) - 7) == content[5:-7]
    assert client.counted()["GetObject"] > 10


@pytest.mark.parametrize(
    "ask",
    [
        lambda driver: driver.get("/file"),
        lambda driver: driver.put("/file", b"x"),
        lambda driver: driver.stat("/file"),
        lambda driver: whole(driver, "/file"),
        lambda driver: driver.delete("/file"),
        lambda driver: driver.begin("/file"),
        lambda driver: driver.put("/file", chunks(bytes(PART), b"more")),
    ],
    ids=["get", "put", "stat", "read", "delete", "begin", "put in parts"],
)
async def test_what_does_not_pass_is_told_after_a_few_times(
    driver: ObjectStoreDriver, client: MeddlingClient, ask: Callable[[ObjectStoreDriver], object]
) -> None:
    client.before = sometimes(".*", -1, Trouble("the store cannot be reached"))
    with pytest.raises(StorageUnavailable) as told:
        await ask(driver)  # type: ignore[misc]  # each of the lambdas returns an awaitable
    assert told.value.driver == "s3"
    assert 0 < len(client.asked) <= 3 * ATTEMPTS_MAX


async def test_a_dead_store_is_left_alone(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    client.before = sometimes(".*", -1, Trouble("the store cannot be reached"))
    for _ in range(100):
        with pytest.raises(StorageUnavailable):
            await driver.get("/file")
    assert len(client.asked) <= FAILURES_MAX + 2


async def test_a_store_that_comes_back_is_asked_again(
    store: S3Server, client: MeddlingClient
) -> None:
    class Later(HurriedClock):
        ahead = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.ahead

    clock = Later()
    driver = open_s3(store.settings(root="back-again"), clock, client)
    await driver.put("/file", b"content")
    client.before = sometimes(".*", -1, Trouble("the store cannot be reached"))
    for _ in range(10):
        with pytest.raises(StorageUnavailable):
            await driver.get("/file")
    client.before = lambda asked: None
    with pytest.raises(StorageUnavailable):
        await driver.get("/file")
    clock.ahead = 10.0
    assert await driver.get("/file") == b"content"
    assert await driver.get("/file") == b"content"


async def test_a_put_that_fails_leaves_no_upload_that_costs(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(2 * PART)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await driver.put("/file", breaking())
    counted = client.counted()
    assert counted["CreateMultipartUpload"] == counted["AbortMultipartUpload"] == 1


async def test_a_full_store_is_out_of_space(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    client.before = sometimes("PutObject", -1, refused(507, "XMinioStorageFull"))
    with pytest.raises(OutOfSpace):
        await driver.put("/file", b"content")


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "SignatureDoesNotMatch"])
async def test_a_store_that_refuses_says_why(
    driver: ObjectStoreDriver, client: MeddlingClient, code: str
) -> None:
    status = 404 if code == "NoSuchBucket" else 403
    client.before = sometimes(".*", -1, refused(status, code))
    with pytest.raises(StorageUnavailable) as told:
        await driver.get("/file")
    assert code in told.value.reason or told.value.reason == "there is no such bucket"
    assert len(client.asked) == 1


async def test_nothing_is_put_where_there_is_no_bucket(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """Whoever answers 404 to what makes an object is not asked for ever."""
    client.before = sometimes("PutObject", -1, Answer(404, {}, b""))
    async with asyncio.timeout(10):
        with pytest.raises(StorageUnavailable, match="the store answers 404"):
            await driver.put("/file", b"content")
        with pytest.raises(StorageUnavailable, match="the store answers 404"):
            await driver.begin("/uploads/one/data")


async def test_who_is_not_known_is_not_told_that_nothing_is_there(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """Some stores answer 404 to a wrong access key; 404 of another server is no answer at all."""
    for answer in (refused(404, "XAdminUserNotFound"), Answer(404, {}, b"<html>gone</html>")):
        client.before = sometimes(".*", -1, answer)
        with pytest.raises(StorageUnavailable, match="the store answers"):
            await driver.get("/file")
        with pytest.raises(StorageUnavailable):
            await driver.put("/file", b"content")
        with pytest.raises(StorageUnavailable):
            await driver.begin("/uploads/one/data")


async def test_a_listing_that_is_old_is_believed_by_nobody(
    driver: ObjectStoreDriver, repository: Repository, client: MeddlingClient
) -> None:
    """Every list is as it was before anything was written; what is asked for by name is there."""
    lists: dict[str, Answer] = {}

    def remember(asked: Asked) -> Answer | None:
        if asked.kind == "ListObjectsV2":
            return lists.setdefault(asked.url, Answer(200, {}, EMPTY_LIST))
        return None

    client.before = remember
    await push_blobs(repository, CONFIG, LAYER)
    session = await repository.uploads.start()
    await (await repository.uploads.resume(session.id)).append(sliced(LAYER, 1000))
    await (await repository.uploads.resume(session.id)).commit(Digest.of(LAYER))
    content = image()
    await repository.manifests.put(content, None, tags=[Tag("v1")])
    assert (await repository.manifests.get(Tag("v1"))).content == content
    assert await repository.blobs.has(Digest.of(LAYER))


EMPTY_LIST = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"


async def test_many_writers_on_a_store_that_loses_answers(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """One of them goes on; nobody's bytes get between another's."""
    turn = [0]

    def lose(asked: Asked) -> Answer | None:
        turn[0] += 1
        if asked.kind in ("PutObject", "UploadPart") and turn[0] % 3 == 0:
            raise Trouble("the connection to the store broke")
        return None

    client.after = lose
    parts = [bytes([letter]) * (PART + 1000) for letter in b"abcd"]
    await driver.begin(DATA)
    outcomes = await asyncio.gather(
        *(driver.append(DATA, 0, chunks(part)) for part in parts), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, int)] == (
        [InvalidOffset] * 3
    )
    await driver.finish(DATA)
    assert await driver.get(DATA) in parts

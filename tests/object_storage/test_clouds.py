"""Google Cloud Storage and Azure below a registry: what is asked of them, and their troubles."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.storage.driver import InvalidOffset, StorageUnavailable
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.http import Answer
from layerstore.storage.objects.patience import ATTEMPTS_MAX, FAILURES_MAX, Trouble
from tests.contract.content import chunks, paths_below, sliced, some_bytes, upload, whole
from tests.meddling import Asked, MeddlingClient, sometimes
from tests.object_storage.clouds import CLOUDS, PART, Cloud
from tests.object_storage.operations import account
from tests.object_storage.test_requests import told

DATA = "/uploads/one/data"
IS_LONG = bool(os.environ.get("LAYERSTORE_LONG"))
EVERY = 1 if IS_LONG else 17
"""Of so many requests one has its answer lost."""

BROKEN = Trouble("the connection to the store broke")


class HurriedClock(SystemClock):
    """Pauses take no time."""

    async def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 2


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    with CLOUDS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def client(cloud: Cloud) -> MeddlingClient:
    return MeddlingClient(cloud.kind_of)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """One that no other test uses."""
    return f"test-{abs(hash(request.node.nodeid))}"


@pytest.fixture
def driver(cloud: Cloud, client: MeddlingClient, folder: str) -> ObjectStoreDriver:
    return cloud.open(folder, HurriedClock(), client)


def registry(driver: ObjectStoreDriver) -> LocalRegistry:
    return LocalRegistry(driver, ProcessLocks(), SystemClock())


async def test_the_page_tells_of_every_request(
    cloud: Cloud, driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    name = Name("library/alpine")
    taken = await account(
        registry(driver).repository(name), registry(driver).repository(name), client
    )
    table = "\n".join(f"| {name} | {kinds} |" for name, kinds in taken.items())
    assert told(cloud.page_heading) == taken, table


async def goes_well(driver: ObjectStoreDriver) -> None:
    """An upload in parts with a tail, moved, listed, read and deleted."""
    content = some_bytes(2 * PART + 100)
    await upload(driver, DATA, content)
    await driver.move(DATA, "/blobs/data", len(content))
    assert [name async for name in driver.names("/")] == ["blobs"]
    assert await whole(driver, "/blobs/data") == content
    await driver.put("/blobs/in-parts", sliced(content, PART))
    assert await whole(driver, "/blobs/in-parts", PART) == content[PART:]
    await driver.delete("/blobs")
    assert await paths_below(driver, "/") == []


@pytest.mark.parametrize("status", [429, 500, 503, 0] if IS_LONG else [429, 0])
async def test_what_passes_is_tried_again(
    cloud: Cloud, driver: ObjectStoreDriver, client: MeddlingClient, status: int
) -> None:
    """Every third request meets it."""
    turn = [0]

    def every_third(asked: Asked) -> Answer | None:
        turn[0] += 1
        if turn[0] % 3:
            return None
        if not status or asked.kind in ("GetMedia", "GetBlob"):
            raise BROKEN
        return cloud.refused(status, "passing")

    client.before = every_third
    await goes_well(driver)


async def test_an_answer_that_is_lost_changes_nothing(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """The store did what it was asked, and is asked once more: each request in its turn."""
    left = [0]

    def lose(asked: Asked) -> Answer | None:
        left[0] -= 1
        if left[0] == -1:
            raise BROKEN
        return None

    await goes_well(driver)
    client.after = lose
    for skipped in range(0, sum(client.counted().values()), EVERY):
        left[0] = skipped
        await goes_well(driver)


async def test_a_read_that_breaks_off_goes_on_where_it_was(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    content = some_bytes(3 * PART)
    await driver.put("/file", sliced(content, PART))
    client.counted()
    client.breaks_after = 700_000
    assert await whole(driver, "/file", 5, len(content) - 7) == content[5:-7]
    assert sum(client.counted().values()) > 10


async def test_what_is_replaced_while_it_is_read_is_not_mixed(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    await driver.put("/file", b"a" * PART)
    client.breaks_after = 100_000
    reading = driver.read("/file")
    await anext(reading)
    await driver.put("/file", b"b" * PART)
    with pytest.raises(StorageUnavailable, match="replaced"):
        await _only(b"a", reading)


async def _only(letter: bytes, pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        assert set(piece) == set(letter)


async def test_a_dead_store_is_left_alone(
    cloud: Cloud, driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    client.before = sometimes(".*", -1, BROKEN)
    for _ in range(100):
        with pytest.raises(StorageUnavailable) as told_why:
            await driver.get("/file")
        assert told_why.value.driver == cloud.name
    assert len(client.asked) <= FAILURES_MAX + 2


@pytest.mark.parametrize(
    "answer", [(403, "forbidden"), (403, "AuthorizationFailure"), (400, "x\r\ny")], ids=str
)
async def test_a_store_that_refuses_is_not_asked_again(
    cloud: Cloud, driver: ObjectStoreDriver, client: MeddlingClient, answer: tuple[int, str]
) -> None:
    await driver.start()
    client.counted()
    refusal = cloud.refused(*answer)
    client.before = sometimes(".*", -1, refusal)
    with pytest.raises(StorageUnavailable) as told_why:
        await driver.get("/file")
    assert str(answer[0]) in told_why.value.reason
    assert told_why.value.reason.isprintable()
    assert len(client.asked) == 1


async def test_a_put_that_breaks_off_leaves_nothing_that_costs(
    cloud: Cloud, driver: ObjectStoreDriver, folder: str
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(2 * PART)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await driver.put("/file", breaking())
    assert await cloud.keys(folder) == []


async def test_two_put_one_file_in_parts_at_once(driver: ObjectStoreDriver) -> None:
    """As two clients who push one layer do: both succeed, and it is whole."""
    content = some_bytes(3 * PART + 5)
    await asyncio.gather(*(driver.put("/blobs/data", sliced(content, PART)) for _ in range(3)))
    assert await whole(driver, "/blobs/data") == content


async def test_nothing_is_put_where_there_is_no_bucket(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """Whoever answers 404 to what makes an object is not asked for ever."""
    client.before = sometimes("Insert|PutBlob", -1, Answer(404, {}, b""))
    async with asyncio.timeout(10):
        with pytest.raises(StorageUnavailable, match="the store answers 404"):
            await driver.put("/file", b"content")
        with pytest.raises(StorageUnavailable, match="the store answers 404"):
            await driver.begin(DATA)


async def test_many_writers_on_a_store_that_loses_answers(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """One of them goes on; nobody's bytes get between another's."""
    turn, lost = [0], Counter[tuple[str, str]]()

    def lose(asked: Asked) -> Answer | None:
        turn[0] += 1
        request = asked.kind, asked.url
        if turn[0] % 3 == 0 and lost[request] < ATTEMPTS_MAX - 1:
            lost[request] += 1
            raise BROKEN
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

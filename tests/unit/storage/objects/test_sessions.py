"""Sessions leave nothing behind, keep what a writer notes, and survive lost races."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from layerstore.storage.driver import InvalidOffset, StorageUnavailable
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.sessions import SESSION
from layerstore.storage.objects.sizes import PART_BYTES_MIN
from layerstore.storage.objects.store import ABSENT, Body, Part
from tests.contract.content import Gate, chunks, some_bytes
from tests.fakes import FakeClock
from tests.memory_objects import MemoryObjects, object_store_driver

PART = PART_BYTES_MIN
DATA = "/uploads/one/data"


class Counting:
    """Notes how many bytes there are, and what was noted before."""

    def __init__(self) -> None:
        self.taken_up: bytes | None = None

    def take_up(self, note: bytes | None) -> None:
        self.taken_up = note

    async def of(self, size: int) -> bytes | None:
        return str(size).encode()


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects(FakeClock())


@pytest.fixture
def driver(objects: MemoryObjects) -> ObjectStoreDriver:
    return object_store_driver(objects, FakeClock())


def test_parts_are_of_one_size_however_the_bytes_come(
    driver: ObjectStoreDriver, objects: MemoryObjects
) -> None:
    async def story() -> None:
        content = some_bytes(4 * PART + 77)
        await driver.begin(DATA)
        at = 0
        for size in (1, PART, PART - 1, 3, PART + 5, PART + 69):
            at = await driver.append(DATA, at, chunks(content[at : at + size]))
        await driver.finish(DATA)
        assert await driver.get(DATA) == content

    asyncio.run(story())
    assert objects.part_sizes == [PART] * 4 + [77]


def test_a_note_is_kept_with_the_bytes_that_it_is_about(driver: ObjectStoreDriver) -> None:
    async def story() -> None:
        notes = Counting()
        await driver.begin(DATA)
        await driver.append(DATA, 0, chunks(bytes(PART + 5)), notes)
        assert notes.taken_up is None
        later = Counting()
        await driver.append(DATA, PART + 5, chunks(b"more"), later)
        assert later.taken_up == str(PART + 5).encode()
        assert await driver.finish(DATA) == str(PART + 9).encode()
        assert await driver.finish(DATA) == str(PART + 9).encode()

    asyncio.run(story())


def test_who_writes_without_notes_leaves_none_that_is_wrong(driver: ObjectStoreDriver) -> None:
    async def story() -> None:
        await driver.begin(DATA)
        await driver.append(DATA, 0, chunks(b"some"), Counting())
        await driver.append(DATA, 4, chunks(b"more"))
        assert await driver.finish(DATA) is None

    asyncio.run(story())


@pytest.mark.parametrize("how", ["drop", "delete", "delete the folder", "begin again"])
def test_nothing_is_left_that_costs(
    driver: ObjectStoreDriver, objects: MemoryObjects, how: str
) -> None:
    async def story() -> None:
        await driver.begin(DATA)
        await driver.append(DATA, 0, chunks(bytes(2 * PART + 5)))
        assert len(objects.uploads) == 1
        match how:
            case "drop":
                await driver.drop(DATA)
            case "delete":
                await driver.delete(DATA)
            case "delete the folder":
                await driver.delete("/uploads")
            case _:
                await driver.begin(DATA)
                await driver.drop(DATA)

    asyncio.run(story())
    assert objects.uploads == {}
    assert objects.contents == {}


def test_a_part_of_an_overtaken_writer_is_in_no_file(
    driver: ObjectStoreDriver, objects: MemoryObjects
) -> None:
    """He sends it after the other has gone on from where he stood."""

    async def story() -> None:
        another = object_store_driver(objects, FakeClock(1))
        stale = Gate(b"a" * PART, b"X" * PART)
        await driver.begin(DATA)
        appending = asyncio.ensure_future(driver.append(DATA, 0, stale.chunks()))
        await stale.reached.wait()
        assert await another.append(DATA, PART, chunks(b"b" * PART, b"c" * PART)) == 3 * PART
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size == 3 * PART
        await another.finish(DATA)
        assert await driver.get(DATA) == b"a" * PART + b"b" * PART + b"c" * PART

    asyncio.run(story())
    assert objects.uploads == {}


def test_a_finish_that_broke_off_is_done_by_another(
    driver: ObjectStoreDriver, objects: MemoryObjects
) -> None:
    async def story() -> None:
        another = object_store_driver(objects, FakeClock(1))
        await driver.begin(DATA)
        await driver.append(DATA, 0, chunks(bytes(PART), b"tail"), Counting())
        key = f"some/folder{DATA}"
        complete = objects.complete

        async def dying(key: str, upload: str, parts: Sequence[Part]) -> None:
            raise asyncio.CancelledError

        objects.complete = dying  # type: ignore[method-assign]  # the process ends here
        with pytest.raises(asyncio.CancelledError):
            await driver.finish(DATA)
        objects.complete = complete  # type: ignore[method-assign]  # and another goes on
        assert await another.pending(DATA) == PART + 4
        assert await another.finish(DATA) == str(PART + 4).encode()
        assert objects.contents[key] == bytes(PART) + b"tail"
        await another.move(DATA, "/blobs/data", PART + 4)
        assert list(objects.contents) == ["some/folder/blobs/data"]

    asyncio.run(story())


def test_a_body_that_breaks_off_leaves_no_upload(
    driver: ObjectStoreDriver, objects: MemoryObjects
) -> None:
    async def breaking(size: int) -> AsyncIterator[bytes]:
        yield bytes(size)
        raise ConnectionResetError

    async def story() -> None:
        for size in (5, PART, PART + 5, 3 * PART):
            with pytest.raises(ConnectionResetError):
                await driver.put("/blobs/data", breaking(size))

    asyncio.run(story())
    assert objects.uploads == {}
    assert objects.contents == {}


@pytest.mark.parametrize("content", [b"", b"{}", b"no record", b"\xff", b'{"mark":1}'])
def test_a_record_that_makes_no_sense_is_none(
    driver: ObjectStoreDriver, objects: MemoryObjects, content: bytes
) -> None:
    async def story() -> None:
        await objects.put(f"some/folder{DATA}{SESSION}", content)
        assert await driver.pending(DATA) is None
        with pytest.raises(InvalidOffset):
            await driver.append(DATA, 0, chunks(b"x"))
        await driver.begin(DATA)
        assert await driver.append(DATA, 0, chunks(b"x")) == 1

    asyncio.run(story())


class LosesAnAnswer(MemoryObjects):
    """The answer to the first record that says a size or a part is lost: before its writer asks
    again, somebody else does what `meanwhile` says.
    """

    meanwhile: Callable[[], Awaitable[None]] | None = None
    part_fails = False

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        etag = await super().put(key, body, condition)
        meanwhile, is_record = self.meanwhile, key.endswith(SESSION) and condition != ABSENT
        if meanwhile is None or not is_record:
            return etag
        self.meanwhile = None
        await meanwhile()
        return await super().put(key, body, condition)

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        if self.part_fails:
            raise StorageUnavailable("memory", key, "it fails")
        return await super().put_part(key, upload, number, body)


async def test_an_upload_that_another_goes_on_with_is_not_aborted() -> None:
    """He read the record of the one whose answer was lost, and sends his parts where it says."""
    objects = LosesAnAnswer(FakeClock())
    first = object_store_driver(objects, FakeClock(1))
    second = object_store_driver(objects, FakeClock(2))
    theirs = some_bytes(2 * PART + 10)

    async def go_on() -> None:
        assert await second.append(DATA, 0, chunks(theirs)) == len(theirs)

    await first.begin(DATA)
    objects.meanwhile = go_on
    with pytest.raises(InvalidOffset) as refused:
        await first.append(DATA, 0, chunks(bytes(2 * PART)))
    assert refused.value.size == len(theirs)
    await first.finish(DATA)
    assert await first.get(DATA) == theirs
    assert objects.uploads == {}


async def test_a_tail_that_another_goes_on_from_is_kept() -> None:
    """Of that one nothing came but the number of a part: the record still names the tail."""
    objects = LosesAnAnswer(FakeClock())
    first = object_store_driver(objects, FakeClock(1))
    second = object_store_driver(objects, FakeClock(2))

    async def break_off() -> None:
        objects.part_fails = True
        with pytest.raises(StorageUnavailable):
            await second.append(DATA, 4, chunks(bytes(PART)))
        objects.part_fails = False

    await first.begin(DATA)
    objects.meanwhile = break_off
    with pytest.raises(InvalidOffset) as refused:
        await first.append(DATA, 0, chunks(b"tail"))
    assert refused.value.size == 4
    assert await first.append(DATA, 4, chunks(b"more")) == 8
    await first.finish(DATA)
    assert await first.get(DATA) == b"tailmore"

"""Unfinished files: begun by one, carried on by another, finished or dropped by a third."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from layerstore.storage.driver import InvalidOffset, PathNotFound, StorageDriver
from tests.contract.content import (
    MIB,
    BrokenOff,
    Gate,
    breaking_off,
    chunks,
    paths_below,
    put_all,
    sliced,
    some_bytes,
    upload,
    whole,
)

PATH = "/uploads/one/data"


async def nothing_is_there(driver: StorageDriver, path: str) -> None:
    assert await driver.pending(path) is None
    with pytest.raises(PathNotFound):
        await driver.get(path)


class Unfinished:
    async def test_a_new_file_is_empty_and_pending_for_everybody(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        assert await driver.pending(PATH) is None
        await driver.begin(PATH)
        assert await driver.pending(PATH) == 0
        assert await another.pending(PATH) == 0

    @pytest.mark.parametrize("size", [32, 700_000, 3 * MIB], ids=["small", "odd", "large"])
    async def test_others_carry_on_where_one_stopped(
        self, driver: StorageDriver, another: StorageDriver, size: int
    ) -> None:
        content = some_bytes(4 * size)
        await driver.begin(PATH)
        for turn, place in enumerate([another, driver, another, driver]):
            at = await place.pending(PATH)
            assert at == turn * size
            after = await place.append(PATH, at, sliced(content[at : at + size], 500_000))
            assert after == at + size
        assert await another.append(PATH, 4 * size, chunks()) == 4 * size
        await another.finish(PATH)
        assert await driver.get(PATH) == content

    @pytest.mark.parametrize("parts", [(), (b"",), (b"", b"ab", b"")], ids=len)
    async def test_append_takes_no_chunks_and_empty_ones(
        self, driver: StorageDriver, parts: tuple[bytes, ...]
    ) -> None:
        await driver.begin(PATH)
        size = await driver.append(PATH, 0, chunks(*parts))
        assert size == await driver.pending(PATH) == len(b"".join(parts))

    @pytest.mark.parametrize("parts", [(), (b"",), (b"more",)], ids=["none", "empty", "some"])
    @pytest.mark.parametrize("at", [-1, 0, 4, 6])
    async def test_append_elsewhere_tells_the_real_size(
        self, driver: StorageDriver, at: int, parts: tuple[bytes, ...]
    ) -> None:
        await driver.begin(PATH)
        await driver.append(PATH, 0, chunks(b"five."))
        with pytest.raises(InvalidOffset) as refused:
            await driver.append(PATH, at, chunks(*parts))
        error = refused.value
        assert (error.path, error.offset, error.size) == (PATH, at, 5)
        assert await driver.pending(PATH) == 5

    @pytest.mark.parametrize("parts", [(), (b"more",)], ids=["none", "some"])
    async def test_append_to_what_nobody_began_is_refused(
        self, driver: StorageDriver, parts: tuple[bytes, ...]
    ) -> None:
        with pytest.raises(InvalidOffset) as refused:
            await driver.append(PATH, 0, chunks(*parts))
        assert refused.value.size is None
        await nothing_is_there(driver, PATH)

    @pytest.mark.parametrize("size", [1, 1000, MIB, 2 * MIB + 3])
    async def test_what_came_before_a_failure_stays(
        self, driver: StorageDriver, another: StorageDriver, size: int
    ) -> None:
        content = some_bytes(2 * size)
        await driver.begin(PATH)
        with pytest.raises(BrokenOff):
            await driver.append(PATH, 0, breaking_off(content[:size]))
        assert await another.pending(PATH) == size
        await another.append(PATH, size, chunks(content[size:]))
        await another.finish(PATH)
        assert await driver.get(PATH) == content

    async def test_the_next_chunk_is_asked_for_when_the_last_is_written(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        seen: list[int | None] = []

        await driver.begin(PATH)
        await driver.append(PATH, 0, self._watched(another, seen, 5))
        assert seen == [0, 10, 20, 30, 40]

    @staticmethod
    async def _watched(
        driver: StorageDriver, seen: list[int | None], parts: int
    ) -> AsyncIterator[bytes]:
        for _ in range(parts):
            seen.append(await driver.pending(PATH))
            yield b"0123456789"

    async def test_a_writer_that_was_overtaken_stops_at_its_next_write(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(b"aaaa", b"XXXX")
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        assert await another.append(PATH, 4, chunks(b"bbbbb")) == 9
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert (refused.value.offset, refused.value.size) == (4, 9)
        await another.finish(PATH)
        assert await driver.get(PATH) == b"aaaabbbbb"

    async def test_of_many_writers_at_one_place_one_goes_on(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        parts = [bytes([letter]) * 1000 for letter in b"abcdefgh"]
        await driver.begin(PATH)
        outcomes = await asyncio.gather(
            *(
                place.append(PATH, 0, chunks(part))
                for place, part in zip([driver, another] * 4, parts, strict=True)
            ),
            return_exceptions=True,
        )
        assert outcomes.count(1000) == 1
        refused = [outcome for outcome in outcomes if isinstance(outcome, InvalidOffset)]
        assert [error.size for error in refused] == [1000] * 7
        await driver.finish(PATH)
        assert await driver.get(PATH) in parts

    async def test_beginning_again_drops_the_older_file(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(b"older", b"more")
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        await another.begin(PATH)
        assert await driver.pending(PATH) == 0
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size == 0
        await another.append(PATH, 0, chunks(b"new"))
        await another.finish(PATH)
        assert await driver.get(PATH) == b"new"

    async def test_dropping_takes_the_file_away_under_a_writer(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(b"some", b"more")
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        await another.drop(PATH)
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size is None
        await nothing_is_there(driver, PATH)

    async def test_dropping_nothing_is_no_error(self, driver: StorageDriver) -> None:
        await driver.drop(PATH)
        await driver.begin(PATH)
        await driver.drop(PATH)
        await driver.drop(PATH)
        await nothing_is_there(driver, PATH)

    async def test_dropping_by_size_takes_only_what_has_exactly_that(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await driver.begin(PATH)
        await driver.append(PATH, 0, chunks(b"five."))
        for size in (0, 4, 6):
            with pytest.raises(InvalidOffset) as refused:
                await another.drop(PATH, size)
            assert refused.value.size == 5
        assert await driver.pending(PATH) == 5
        await another.drop(PATH, 5)
        await nothing_is_there(driver, PATH)

    async def test_dropping_by_size_finds_out_when_there_is_nothing(
        self, driver: StorageDriver
    ) -> None:
        with pytest.raises(InvalidOffset) as refused:
            await driver.drop(PATH, 0)
        assert refused.value.size is None

    async def test_deleting_a_folder_drops_what_is_unfinished_there(
        self, driver: StorageDriver
    ) -> None:
        await driver.begin(PATH)
        await driver.append(PATH, 0, chunks(b"some"))
        await put_all(driver, "/uploads/one/startedat", "/uploads/one-more")
        await driver.delete("/uploads/one")
        await nothing_is_there(driver, PATH)
        assert await paths_below(driver, "/") == ["/uploads/one-more"]

    async def test_deleting_drops_an_unfinished_file(self, driver: StorageDriver) -> None:
        await driver.begin(PATH)
        await driver.delete(PATH)
        await nothing_is_there(driver, PATH)

    async def test_finishing_makes_the_file_readable(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        content = some_bytes(24 * MIB)
        await upload(driver, PATH, content)
        assert await whole(another, PATH) == content
        assert (await another.stat(PATH)).size == len(content)
        assert await paths_below(another, "/") == [PATH]

    async def test_finishing_once_more_is_no_error(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await upload(driver, PATH, b"content")
        await another.finish(PATH)
        await driver.finish(PATH)
        assert await driver.get(PATH) == b"content"

    async def test_finishing_nothing_is_not_found(self, driver: StorageDriver) -> None:
        with pytest.raises(PathNotFound) as missing:
            await driver.finish(PATH)
        assert missing.value.path == PATH

    async def test_a_finished_file_moves_whole(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await upload(driver, PATH, b"content")
        await another.move(PATH, "/blobs/data", 7)
        assert await driver.get("/blobs/data") == b"content"
        await nothing_is_there(driver, PATH)

    async def test_small_files_begin_and_move_beside_an_unfinished_one(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await driver.begin(PATH, {"/upload/startedat": b"now"})
        assert await another.get("/upload/startedat") == b"now"
        assert await another.append(PATH, 0, chunks(b"content")) == 7
        await another.finish(PATH)
        await another.move(PATH, "/blobs/data", 7, {"/links/link": b"leads there"})
        assert await driver.get("/blobs/data") == b"content"
        assert await driver.get("/links/link") == b"leads there"

    async def test_nothing_moves_beside_a_file_that_has_another_size(
        self, driver: StorageDriver
    ) -> None:
        await upload(driver, PATH, b"content")
        with pytest.raises(InvalidOffset):
            await driver.move(PATH, "/blobs/data", 6, {"/links/link": b"leads there"})
        assert await paths_below(driver, "/links") == []

    async def test_no_append_reaches_a_file_that_has_moved(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        stale = Gate(b"verified", b"late")
        await driver.begin(PATH)
        appending = asyncio.ensure_future(driver.append(PATH, 0, stale.chunks()))
        await stale.reached.wait()
        await another.finish(PATH)
        await another.move(PATH, "/blobs/data", 8)
        stale.open()
        with pytest.raises(InvalidOffset) as refused:
            await appending
        assert refused.value.size is None
        assert await another.get("/blobs/data") == b"verified"
        assert await paths_below(driver, "/") == ["/blobs/data"]

    async def test_many_upload_at_once(self, driver: StorageDriver) -> None:
        contents = {f"/uploads/{number}/data": some_bytes(MIB, number) for number in range(32)}
        async with asyncio.TaskGroup() as group:
            for path, content in contents.items():
                group.create_task(upload(driver, path, content))
        for path, content in contents.items():
            assert await driver.get(path) == content

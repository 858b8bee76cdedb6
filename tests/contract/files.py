"""Finished files: written whole, read in spans, moved, deleted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from layerstore.storage.driver import InvalidOffset, PathNotFound, StorageDriver, StorageError
from tests.contract.content import (
    MIB,
    BrokenOff,
    breaking_off,
    chunks,
    names_of,
    paths_below,
    put_all,
    sliced,
    some_bytes,
    upload,
    whole,
)

CONTENTS = {
    "nothing": b"",
    "one letter": b"a",
    "two bytes": b"\xc3\x9f",
    "32 bytes": some_bytes(32),
    "invalid UTF-8": bytes(range(0x80, 0x100)),
    "one MiB": some_bytes(MIB),
    "three MiB and a bit": some_bytes(3 * MIB + 17),
}

CLOCK_SKEW = timedelta(seconds=5)


class Files:
    async def test_settling_changes_nothing(self, driver: StorageDriver) -> None:
        await driver.put("/folder/file", b"content")
        for path in ("/folder/file", "/folder", "/folder/absent", "/absent/file"):
            await driver.settle(path)
        assert await paths_below(driver, "/folder") == ["/folder/file"]
        assert await driver.get("/folder/file") == b"content"

    async def test_small_files_are_put_together_and_replace_what_is_there(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await driver.put("/b/old", b"before")
        files = {"/a/one": b"1", "/b/old": b"after", "/a/empty": b""}
        await driver.put_all(files)
        assert {path: await another.get(path) for path in files} == files
        await driver.put_all({})
        assert await paths_below(driver, "/") == sorted(files)

    async def test_of_files_put_together_those_before_a_failure_may_be_there_and_no_other(
        self, driver: StorageDriver
    ) -> None:
        files = {"/a/one": b"1", "/a/..": b"2", "/a/three": b"3"}
        with pytest.raises(StorageError):
            await driver.put_all(files)
        assert set(await paths_below(driver, "/")) <= {"/a/one"}

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    @pytest.mark.parametrize("durable", [True, False])
    async def test_put_keeps_every_byte(
        self, driver: StorageDriver, another: StorageDriver, content: bytes, durable: bool
    ) -> None:
        await driver.put("/folder/file", content, durable=durable)
        assert await driver.get("/folder/file") == content
        assert await another.get("/folder/file") == content
        assert await whole(another, "/folder/file") == content

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    @pytest.mark.parametrize("size", [1000, 700_001, 4 * MIB])
    async def test_put_joins_its_chunks(
        self, driver: StorageDriver, content: bytes, size: int
    ) -> None:
        await driver.put("/folder/file", sliced(content, size))
        assert await driver.get("/folder/file") == content

    async def test_put_takes_empty_chunks(self, driver: StorageDriver) -> None:
        await driver.put("/file", chunks(b"", b"ab", b"", b"c", b""))
        assert await driver.get("/file") == b"abc"

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
    async def test_an_upload_keeps_every_byte(self, driver: StorageDriver, content: bytes) -> None:
        await upload(driver, "/folder/file", content)
        assert await driver.get("/folder/file") == content
        assert (await driver.stat("/folder/file")).size == len(content)

    @pytest.mark.parametrize("size", [0, 3, 10, 2 * MIB])
    async def test_put_replaces_longer_and_shorter_content(
        self, driver: StorageDriver, size: int
    ) -> None:
        for seed, before in enumerate((1, 5, 2 * MIB, 3 * MIB)):
            await driver.put("/file", some_bytes(before, seed))
            await driver.put("/file", some_bytes(size, seed))
            assert await driver.get("/file") == some_bytes(size, seed)

    @pytest.mark.parametrize("before", [b"short", some_bytes(2 * MIB)], ids=["short", "long"])
    @pytest.mark.parametrize("part", [b"part", some_bytes(2 * MIB + 1)], ids=["early", "late"])
    async def test_a_put_that_breaks_off_leaves_what_was_there(
        self, driver: StorageDriver, before: bytes, part: bytes
    ) -> None:
        await driver.put("/file", before)
        with pytest.raises(BrokenOff):
            await driver.put("/file", breaking_off(part, b"more"))
        assert await driver.get("/file") == before
        with pytest.raises(BrokenOff):
            await driver.put("/new", breaking_off(part))
        with pytest.raises(PathNotFound):
            await driver.get("/new")
        assert await paths_below(driver, "/") == ["/file"]

    async def test_of_several_puts_at_once_one_wins_whole(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        contents = [some_bytes(size * MIB // 2, size) for size in range(1, 7)]
        drivers = [driver, another] * 3
        async with asyncio.TaskGroup() as group:
            for place, content in zip(drivers, contents, strict=True):
                group.create_task(place.put("/folder/file", sliced(content, MIB)))
        assert await driver.get("/folder/file") in contents

    async def test_who_reads_while_others_put_sees_one_of_the_contents(
        self, driver: StorageDriver
    ) -> None:
        contents = [bytes([letter]) * 5000 for letter in b"abc"]
        await driver.put("/file", contents[0])

        async def replace() -> None:
            for _ in range(10):
                for content in contents:
                    await driver.put("/file", content, durable=False)

        async with asyncio.TaskGroup() as group:
            replacing = group.create_task(replace())
            while not replacing.done():
                assert await driver.get("/file") in contents
                await asyncio.sleep(0)

    async def test_a_span_of_a_file_is_read(self, driver: StorageDriver) -> None:
        content = some_bytes(96)
        await driver.put("/file", content)
        for start in (0, 32, 64, 95, 96, 97, 1000):
            assert await whole(driver, "/file", start) == content[start:]
            for end in (0, 1, 33, 95, 96, 97, 1000):
                assert await whole(driver, "/file", start, end) == content[start:end]

    async def test_a_span_of_a_large_file_is_read(self, driver: StorageDriver) -> None:
        content = some_bytes(2 * MIB + 500_000)
        await driver.put("/file", content)
        for start in (0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, len(content) - 1, len(content)):
            for end in (None, start + 1, start + MIB, start + MIB + 1, len(content) + 1):
                assert await whole(driver, "/file", start, end) == content[start:end]

    async def test_read_gives_pieces_of_at_most_one_mib(self, driver: StorageDriver) -> None:
        await driver.put("/file", bytes(3 * MIB + 1))
        pieces = [len(piece) async for piece in driver.read("/file")]
        assert max(pieces) <= MIB
        assert min(pieces) > 0
        assert sum(pieces) == 3 * MIB + 1

    async def test_a_negative_start_is_an_invalid_offset(self, driver: StorageDriver) -> None:
        await driver.put("/file", b"content")
        with pytest.raises(InvalidOffset) as refused:
            await whole(driver, "/file", -1)
        assert (refused.value.path, refused.value.offset) == ("/file", -1)
        assert driver.name in str(refused.value)

    async def test_read_fails_at_its_first_step(self, driver: StorageDriver) -> None:
        reading = driver.read("/absent", 64)
        with pytest.raises(PathNotFound):
            await anext(reading)

    async def test_a_reader_may_leave_in_the_middle(self, driver: StorageDriver) -> None:
        content = some_bytes(4 * MIB)
        await driver.put("/file", content)
        reading = driver.read("/file")
        assert content.startswith(await anext(reading))
        del reading
        await driver.delete("/file")

    async def test_many_read_one_file_at_once(self, driver: StorageDriver) -> None:
        content = some_bytes(8 * MIB)
        await driver.put("/file", content)

        async def read_from(start: int) -> None:
            assert await whole(driver, "/file", start) == content[start:]

        async with asyncio.TaskGroup() as group:
            for reader in range(10):
                group.create_task(read_from(reader * 777_777))

    async def test_stat_tells_of_files_and_folders(self, driver: StorageDriver) -> None:
        await driver.put("/folder/deep/file", b"content")
        file = await driver.stat("/folder/deep/file")
        assert (file.size, file.is_dir) == (7, False)
        for folder in ("/folder", "/folder/deep"):
            info = await driver.stat(folder)
            assert (info.size, info.is_dir) == (0, True)
        for absent in ("/absent", "/folder/absent", "/folder/deep/file/below", "/fold"):
            with pytest.raises(PathNotFound) as missing:
                await driver.stat(absent)
            assert missing.value.path == absent

    async def test_stat_tells_when_a_file_was_written(self, driver: StorageDriver) -> None:
        await driver.put("/file", b"one")
        first = (await driver.stat("/file")).modified
        await driver.put("/file", b"two")
        second = (await driver.stat("/file")).modified
        assert first <= second
        assert abs(datetime.now(UTC) - second) < CLOCK_SKEW

    async def test_move_takes_the_file_along(self, driver: StorageDriver) -> None:
        await driver.put("/from/file", b"content")
        await driver.move("/from/file", "/to/a/new/folder/file")
        assert await driver.get("/to/a/new/folder/file") == b"content"
        with pytest.raises(PathNotFound):
            await driver.get("/from/file")

    async def test_move_replaces_the_target(self, driver: StorageDriver) -> None:
        await driver.put("/from", some_bytes(10))
        await driver.put("/to", some_bytes(20, 1))
        await driver.move("/from", "/to")
        assert await driver.get("/to") == some_bytes(10)
        assert await paths_below(driver, "/") == ["/to"]

    async def test_move_of_nothing_leaves_the_target_alone(self, driver: StorageDriver) -> None:
        await driver.put("/to", b"content")
        with pytest.raises(PathNotFound) as missing:
            await driver.move("/from", "/to")
        assert missing.value.path == "/from"
        assert await driver.get("/to") == b"content"

    async def test_move_of_another_size_leaves_both_alone(self, driver: StorageDriver) -> None:
        await driver.put("/from", b"content")
        await driver.put("/to", b"before")
        for size in (0, 6, 8):
            with pytest.raises(InvalidOffset) as refused:
                await driver.move("/from", "/to", size)
            assert (refused.value.path, refused.value.size) == ("/from", 7)
        assert await driver.get("/from") == b"content"
        assert await driver.get("/to") == b"before"
        await driver.move("/from", "/to", 7)
        assert await driver.get("/to") == b"content"

    async def test_move_out_of_a_file_is_an_error(self, driver: StorageDriver) -> None:
        await driver.put("/notadir", b"content")
        with pytest.raises(StorageError):
            await driver.move("/notadir/foo", "/notadir/bar")
        assert await driver.get("/notadir") == b"content"

    async def test_of_two_moves_of_one_file_one_finds_nothing(
        self, driver: StorageDriver, another: StorageDriver
    ) -> None:
        await driver.put("/from", b"content")
        outcomes = await asyncio.gather(
            driver.move("/from", "/one", 7),
            another.move("/from", "/two", 7),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes if outcome] == [PathNotFound]
        assert len(await paths_below(driver, "/")) == 1

    async def test_delete_removes_a_file(self, driver: StorageDriver) -> None:
        await put_all(driver, "/folder/a", "/folder/b")
        await driver.delete("/folder/a")
        with pytest.raises(PathNotFound):
            await driver.get("/folder/a")
        assert await names_of(driver, "/folder") == ["b"]

    async def test_delete_of_nothing_is_no_error(self, driver: StorageDriver) -> None:
        await put_all(driver, "/file")
        for path in ("/absent", "/absent/file", "/file/below"):
            await driver.delete(path)
        assert await driver.get("/file") == b"/file"

    async def test_delete_removes_everything_below_a_folder(self, driver: StorageDriver) -> None:
        await put_all(driver, "/top/x/1", "/top/x/2/deep/3", "/top/x/2/deep/4", "/top/y")
        await driver.delete("/top/x")
        assert await paths_below(driver, "/") == ["/top/y"]
        for path in ("/top/x", "/top/x/1", "/top/x/2", "/top/x/2/deep/3"):
            with pytest.raises(PathNotFound):
                await driver.stat(path)

    async def test_delete_keeps_what_only_begins_alike(self, driver: StorageDriver) -> None:
        kept = ["/x/abc-1/file", "/x/abc.d/file", "/x/abcd", "/x/abcde/file"]
        await put_all(driver, "/x/abc/file", *kept)
        await driver.delete("/x/abc")
        assert await paths_below(driver, "/") == kept
        await driver.delete("/x/ab")
        assert await paths_below(driver, "/") == kept

    async def test_delete_removes_more_than_a_thousand_files(self, driver: StorageDriver) -> None:
        await put_all(driver, "/kept", *(f"/many/{number % 7}/{number}" for number in range(1100)))
        await driver.delete("/many")
        assert await paths_below(driver, "/") == ["/kept"]

    async def test_a_folder_may_come_back_as_a_file(self, driver: StorageDriver) -> None:
        await put_all(driver, "/thing/file")
        await driver.delete("/thing")
        await driver.put("/thing", b"file")
        assert await driver.get("/thing") == b"file"

    async def test_a_local_file_and_a_url_hold_the_bytes_if_there_are_any(
        self, driver: StorageDriver
    ) -> None:
        await driver.put("/folder/file", b"content")
        local = driver.file_for("/folder/file")
        assert local is None or local.read_bytes() == b"content"
        for method in ("GET", "HEAD"):
            url = await driver.url_for("/folder/file", 60, method)
            assert url is None or url.startswith("http")

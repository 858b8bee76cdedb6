"""What the edge sends for an answer, over a real socket: files, parts, streams, faults."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from layerstore.web.files import INLINE_BYTES_MAX
from layerstore.web.message import FileBody, Request, Response, ResponseBody, StreamBody
from layerstore.web.ranges import conditional, partial
from tests.edge import Handle, serving, until
from tests.processes import open_files

MIB = 1024 * 1024
BIG = os.urandom(8 * MIB)
ETAG = '"sha256:0f"'


def answering(make: Callable[[], ResponseBody], *, status: int = 200) -> Handle:
    """A handler that always answers with a body made anew."""

    async def handle(request: Request) -> Response:
        return Response(status, [("content-type", "application/octet-stream")], make())

    return handle


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(BIG)
    return path


def file_of(path: Path) -> Callable[[], FileBody]:
    return lambda: FileBody(path, path.stat().st_size)


SIZES = [0, 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, len(BIG)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_of_any_size_arrives_to_the_byte(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(BIG[:size])
    async with serving(answering(file_of(path))) as served:
        answer = await served.ask("/")
        told = await served.until_told()
    assert answer.status == 200
    assert answer.body == BIG[:size]
    assert told.sent == size


async def test_a_file_that_is_taken_away_while_it_is_sent_arrives_whole(big: Path) -> None:
    async def handle(request: Request) -> Response:
        asyncio.get_running_loop().call_soon(big.unlink)
        return Response(200, [], FileBody(big, len(BIG)))

    async with serving(handle) as served:
        answer = await served.ask("/")
    assert not big.exists()
    assert answer.body == BIG


async def test_a_file_that_is_gone_before_the_answer_begins_is_an_error_of_ours(
    tmp_path: Path,
) -> None:
    missing = answering(lambda: FileBody(tmp_path / "gone", 5 * MIB))
    async with serving(missing) as served:
        answer = await served.ask("/")
    assert answer.status == 404
    assert answer.headers["server"] == "layerstore"
    assert answer.body is not None
    assert b"BLOB_UNKNOWN" in answer.body


@pytest.mark.parametrize("size", [100, INLINE_BYTES_MAX + 100])
@pytest.mark.parametrize("wrong_by", [-1, 1])
async def test_a_file_of_another_size_than_promised_is_not_sent(
    tmp_path: Path, size: int, wrong_by: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    async with serving(answering(lambda: FileBody(path, size + wrong_by))) as served:
        answer = await served.ask("/")
    assert answer.status == 500


async def test_the_server_closes_the_files_that_it_has_sent(big: Path) -> None:
    async with serving(answering(file_of(big))) as served:
        for _ in range(3):
            await served.ask("/")
        await until(lambda: open_files(big) <= 3, "only ours, which are held, are open")


@pytest.mark.parametrize("size", [5, INLINE_BYTES_MAX + 1])
async def test_head_tells_the_length_of_a_file_and_sends_nothing(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    async with serving(answering(file_of(path))) as served, served.connection() as connection:
        for _ in range(2):  # a byte too many would stand before the second answer
            await connection.send(b"HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            answer = await connection.answer(to="HEAD")
            assert (answer.status, answer.headers["content-length"]) == (200, str(size))


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_send_none(status: int) -> None:
    handle = answering(lambda: b"not to be sent", status=status)
    async with serving(handle) as served, served.connection() as connection:
        for _ in range(2):
            await connection.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            answer = await connection.answer()
            assert answer.status == status
            assert answer.headers.get("content-length") is None


BAD_HEADERS = [
    ("location", "/v2/\r\nset-cookie: a=b"),
    ("location", "/v2/\x00"),
    ("location", "/v2/\u20ac"),
    ("bad name", "x"),
    ("", "x"),
]


@pytest.mark.parametrize("header", BAD_HEADERS, ids=repr)
async def test_a_header_that_must_not_be_sent_is_an_error_and_not_left_out(
    header: tuple[str, str],
) -> None:
    async def handle(request: Request) -> Response:
        return Response(201, [header])

    async with serving(handle) as served:
        answer = await served.ask("/")
    assert answer.status == 500
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("status", [99, 199, 600, 1000])
async def test_a_status_that_is_none_is_an_error_and_the_server_goes_on(status: int) -> None:
    async with serving(answering(lambda: b"", status=status)) as served:
        for _ in range(2):
            assert (await served.ask("/")).status == 500


class Source:
    """Pieces that know how many of them were asked for, and whether they were closed."""

    def __init__(self, pieces: int, size: int = MIB, *, fails: bool = False) -> None:
        self.asked = 0
        self.is_closed = False
        self._pieces = pieces
        self._size = size
        self._fails = fails

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for _ in range(self._pieces):
                self.asked += 1
                yield bytes(self._size)
            if self._fails:
                raise OSError("the disk is gone")
        finally:
            self.is_closed = True


async def test_a_stream_arrives_whole() -> None:
    source = Source(5)
    async with serving(answering(lambda: StreamBody(source.chunks(), 5 * MIB))) as served:
        answer = await served.ask("/")
        told = await served.until_told()
    assert answer.body == bytes(5 * MIB)
    assert (told.sent, source.is_closed) == (5 * MIB, True)


async def test_head_of_a_stream_asks_for_none_of_it() -> None:
    source = Source(5)
    async with serving(answering(lambda: StreamBody(source.chunks(), 5 * MIB))) as served:
        answer = await served.ask("/", method="HEAD")
    assert (answer.headers["content-length"], source.asked) == (str(5 * MIB), 0)


@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_stream_that_fails_before_anything_was_sent_is_an_error_of_ours(
    pieces: int,
) -> None:
    source = Source(pieces, fails=True)
    async with serving(answering(lambda: StreamBody(source.chunks(), MIB))) as served:
        answer = await served.ask("/")
    assert (answer.status, answer.headers["server"]) == (500, "layerstore")
    assert source.is_closed


FAULTS = {
    "raises": (Source(3, fails=True), 5 * MIB),
    "raises-at-its-end": (Source(3, fails=True), 3 * MIB),
    "ends-early": (Source(3), 5 * MIB),
    "does-not-end": (Source(5), 3 * MIB),
}


@pytest.mark.parametrize(("source", "size"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_stream_that_does_not_keep_its_promise_breaks_the_connection(
    source: Source, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    handle = answering(lambda: StreamBody(source.chunks(), size))
    async with serving(handle) as served, served.connection() as connection:
        await connection.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        answer = await connection.answer()
        assert (answer.status, answer.body) == (200, None)
        assert await connection.ends()
        told = await served.until_told()
    assert source.is_closed
    assert told.sent < size
    assert caplog.records[0].getMessage() == f"the answer to request {told.id} broke off"


async def test_a_client_that_reads_nothing_holds_little_of_a_stream_in_memory() -> None:
    source = Source(200)
    handle = answering(lambda: StreamBody(source.chunks(), 200 * MIB))
    async with serving(handle) as served, served.connection() as connection:
        await connection.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        await until_still(lambda: source.asked)
        stood_at = source.asked
        answer = await connection.answer()
    assert 0 < stood_at < 40
    assert answer.body == bytes(200 * MIB)


async def until_still(number: Callable[[], int]) -> None:
    """Wait until the number has not changed for a while, having changed at all."""
    loop = asyncio.get_running_loop()
    last, since = 0, loop.time()

    def is_still() -> bool:
        nonlocal last, since
        if number() != last:
            last, since = number(), loop.time()
        return last > 0 and loop.time() - since > 0.3

    await until(is_still, "the stream waits for its reader")


async def test_a_client_that_leaves_ends_the_stream(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source(10_000)
    handle = answering(lambda: StreamBody(source.chunks(), 10_000 * MIB))
    async with serving(handle) as served:
        async with served.connection() as connection:
            await connection.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            await connection.reader.readexactly(MIB)
            connection.reset()
        told = await served.until_told()
    assert source.is_closed
    assert told.sent < 10_000 * MIB
    assert caplog.records == []


async def content(request: Request) -> Response:
    """BIG, by the rules of RFC 9110 for conditions and parts."""
    headers = [("content-type", "application/x-big"), ("etag", ETAG)]
    status = conditional(request, ETAG)
    if status is not None:
        return Response(status, headers)
    whole = Response(200, headers, BIG)
    return partial(request, whole, len(BIG), ETAG, read)


async def read(start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, MIB):
        yield BIG[at : min(end, at + MIB)]


async def test_one_part_is_sent_as_it_is() -> None:
    async with serving(content) as served:
        answer = await served.ask("/", headers="Range: bytes=1000-2999999\r\n")
    assert answer.status == 206
    assert answer.headers["content-range"] == f"bytes 1000-2999999/{len(BIG)}"
    assert answer.body == BIG[1000:3_000_000]


async def test_several_parts_come_in_one_answer_of_the_promised_length() -> None:
    async with serving(content) as served:
        answer = await served.ask("/", headers="Range: bytes=0-9, 2000000-3999999, -5\r\n")
    assert answer.status == 206
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert answer.body is not None
    parts = answer.body.split(f"\r\n--{boundary}".encode())
    assert parts[-1] == b"--\r\n"
    assert [part.partition(b"\r\n\r\n")[2] for part in parts[1:-1]] == [
        BIG[:10],
        BIG[2_000_000:4_000_000],
        BIG[-5:],
    ]


async def test_a_range_outside_the_content_is_told_its_size() -> None:
    async with serving(content) as served:
        answer = await served.ask("/", headers=f"Range: bytes={len(BIG)}-\r\n")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(BIG)}")


async def test_what_the_client_has_already_is_not_sent_again() -> None:
    async with serving(content) as served:
        answer = await served.ask("/", headers=f'If-None-Match: "x", W/{ETAG}\r\n')
    assert (answer.status, answer.headers["etag"]) == (304, ETAG)

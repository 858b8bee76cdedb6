"""Buffers are few, and a sender who is slow has his bytes in a file."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from layerstore.storage.objects.buffers import Arrivals, Buffers, PartBuffer, SpillFailed

PART = 1024 * 1024


async def whole(part: PartBuffer) -> bytes:
    return b"".join([bytes(piece) async for piece in part.pieces()])


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_as_many_have_a_buffer_as_there_are() -> None:
    async def story() -> None:
        buffers = Buffers(3 * PART, PART)
        having, most = [0], [0]

        async def work() -> None:
            async with buffers.part() as part:
                having[0] += 1
                most[0] = max(most[0], having[0])
                await part.add(memoryview(b"x"))
                await asyncio.sleep(0)
                having[0] -= 1

        await asyncio.gather(*(work() for _ in range(20)))
        assert most == [3]

    asyncio.run(story())


def test_there_is_one_buffer_however_little_is_allowed() -> None:
    async def story() -> None:
        async with Buffers(1, PART).part() as part:
            await part.add(memoryview(b"content"))
            assert await whole(part) == b"content"

    asyncio.run(story())


@pytest.mark.parametrize("spills", [False, True])
def test_a_part_can_be_sent_as_often_as_it_takes(spills: bool) -> None:
    async def story() -> None:
        async with Buffers(PART, PART).part() as part:
            await part.add(memoryview(b"some "))
            if spills:
                await part.spill()
            await part.add(memoryview(b"content"))
            assert part.is_spilled == spills
            assert part.size == 12
            for _ in range(3):
                assert await whole(part) == b"some content"
                assert await part.sha256() == hashlib.sha256(b"some content").hexdigest()

    asyncio.run(story())


def test_a_part_that_is_larger_than_its_buffer_goes_on_in_a_file() -> None:
    async def story() -> None:
        async with Buffers(PART, PART).part() as part:
            await part.add(memoryview(bytes(PART)))
            assert not part.is_spilled
            await part.add(memoryview(b"x"))
            assert part.is_spilled
            assert await whole(part) == bytes(PART) + b"x"

    asyncio.run(story())


def test_a_slow_sender_leaves_his_buffer_to_others() -> None:
    async def story() -> None:
        buffers, go_on = Buffers(PART, PART, fill_s=0.01), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"slow "
            await go_on.wait()
            yield b"sender"

        async def slow() -> bytes:
            async with buffers.part() as part:
                assert not await Arrivals(slowly()).fill(part, PART)
                return await whole(part)

        sending = asyncio.ensure_future(slow())
        async with asyncio.timeout(10), buffers.part() as part:
            assert await Arrivals(chunks(bytes(PART))).fill(part, PART)
        assert not sending.done()
        go_on.set()
        assert await sending == b"slow sender"

    asyncio.run(story())


def test_chunks_are_cut_as_parts_want_them() -> None:
    async def story() -> None:
        arrivals, buffers = Arrivals(chunks(b"abc", b"", b"defgh", b"i")), Buffers(PART, PART)
        found = []
        goes_on = True
        while goes_on:
            async with buffers.part() as part:
                goes_on = await arrivals.fill(part, 4)
                found.append(await whole(part))
        assert found == [b"abcd", b"efgh", b"i"]

    asyncio.run(story())


def test_what_came_before_a_failure_is_in_the_part() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"before"
        raise ConnectionResetError

    async def story() -> None:
        async with Buffers(PART, PART).part() as part:
            with pytest.raises(ConnectionResetError):
                await Arrivals(breaking()).fill(part, PART)
            assert await whole(part) == b"before"

    asyncio.run(story())


def test_a_sender_that_is_cut_off_leaves_his_buffer() -> None:
    async def story() -> None:
        buffers = Buffers(PART, PART)

        async def waiting() -> AsyncIterator[bytes]:
            yield b"before"
            await asyncio.Event().wait()

        async def fill() -> None:
            async with buffers.part() as part:
                await Arrivals(waiting()).fill(part, PART)

        filling = asyncio.ensure_future(fill())
        await asyncio.sleep(0)
        filling.cancel()
        await asyncio.wait((filling,))
        async with asyncio.timeout(10), buffers.part() as part:
            assert part.size == 0

    asyncio.run(story())


def test_a_file_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError("no space left on device")

    async def story() -> None:
        buffers = Buffers(PART, PART)
        async with buffers.part() as part:
            await part.add(memoryview(b"content"))
            with pytest.raises(SpillFailed):
                await part.spill()
        async with asyncio.timeout(10), buffers.part():
            pass

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    asyncio.run(story())

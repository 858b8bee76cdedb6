"""The body of a request, from the server's messages, in virtual time."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from layerstore.oci.errors import BodyStalled
from layerstore.web.incoming import DISCARD_BYTES_MAX, IncomingBody
from layerstore.web.message import BodyBroken
from tests.fakes import FakeClock

GONE = {"type": "http.disconnect"}


def piece(content: bytes, *, more: bool = True) -> Mapping[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


class Sender:
    """Hands over messages, each after so many seconds of the fake clock; then falls silent."""

    def __init__(self, *messages: Mapping[str, Any], every_s: float = 0.0) -> None:
        self.clock = FakeClock()
        self.left = list(messages)
        self._every_s = every_s

    async def __call__(self) -> Mapping[str, Any]:
        if not self.left:
            await asyncio.get_running_loop().create_future()
        self.clock.pass_time(self._every_s)
        return self.left.pop(0)


def body(sender: Sender, length: int | None = None, progress_s: float = 30.0) -> IncomingBody:
    return IncomingBody(
        sender, length, sender.clock, progress_s=progress_s, rate_min=100, rate_window_s=10.0
    )


async def content(of: IncomingBody) -> list[bytes]:
    return [received async for received in of]


async def test_pieces_come_as_they_were_sent_and_empty_ones_do_not() -> None:
    sender = Sender(piece(b"a"), piece(b""), piece(b"bc"), piece(b"", more=False))
    received = body(sender)
    assert await content(received) == [b"a", b"bc"]
    assert (received.size, received.is_ended, received.is_broken) == (3, True, False)


async def test_a_body_of_no_bytes_ends_without_asking_the_server() -> None:
    sender = Sender(GONE)
    assert await content(body(sender, length=0)) == []
    assert sender.left == [GONE]


async def test_a_sender_that_goes_away_breaks_the_body() -> None:
    received = body(Sender(piece(b"a"), GONE))
    assert await anext(received) == b"a"
    with pytest.raises(BodyBroken):
        await anext(received)
    assert (received.is_broken, received.is_ended) == (True, False)


@pytest.mark.parametrize("length", [2, 4])
async def test_a_body_of_another_length_than_promised_is_broken(length: int) -> None:
    received = body(Sender(piece(b"abc", more=False)), length=length)
    with pytest.raises(BodyBroken):
        await content(received)
    assert received.is_broken


async def test_no_byte_for_too_long_is_a_stalled_body() -> None:
    received = body(Sender(piece(b"a")), progress_s=0.01)
    assert await anext(received) == b"a"
    with pytest.raises(BodyStalled):
        await anext(received)
    assert received.is_stalled


async def test_too_few_bytes_over_a_window_are_a_stalled_body() -> None:
    received = body(Sender(*[piece(b"drop")] * 20, every_s=1.0))
    with pytest.raises(BodyStalled):
        await content(received)
    assert received.size == 40


async def test_a_window_that_was_fast_does_not_excuse_the_next_one() -> None:
    fast, slow = [piece(bytes(1000))] * 10, [piece(b"drop")] * 20
    received = body(Sender(*fast, *slow, every_s=1.0))
    with pytest.raises(BodyStalled):
        await content(received)
    assert received.size == 10 * 1000 + 10 * 4


async def test_a_slow_body_that_keeps_the_least_rate_is_taken() -> None:
    received = body(Sender(*[piece(bytes(100))] * 50, piece(b"", more=False), every_s=1.0))
    assert len(await content(received)) == 50


async def test_time_that_the_reader_takes_does_not_count() -> None:
    sender = Sender(*[piece(b"drop")] * 5, piece(b"", more=False))
    received = body(sender)
    async for _ in received:
        sender.clock.pass_time(60)
    assert received.is_ended


async def test_the_last_slow_bytes_of_a_complete_body_are_taken() -> None:
    received = body(Sender(piece(b"a"), piece(b"b", more=False), every_s=20.0), length=2)
    with pytest.raises(BodyStalled):
        await content(body(Sender(piece(b"a"), piece(b"b"), every_s=20.0), length=3))
    sender = Sender(piece(b"ab", more=False), every_s=20.0)
    received = body(sender, length=2)
    assert await content(received) == [b"ab"]


async def test_the_little_that_is_left_is_taken_in() -> None:
    sender = Sender(piece(b"a"), piece(b"b", more=False))
    received = body(sender)
    await received.discard()
    assert (received.is_ended, received.size) == (True, 2)


async def test_more_than_a_little_is_left_where_it_is() -> None:
    told = Sender(piece(b"a"))
    await body(told, length=DISCARD_BYTES_MAX + 1).discard()
    assert len(told.left) == 1
    untold = Sender(*[piece(bytes(DISCARD_BYTES_MAX // 2))] * 10)
    await body(untold).discard()
    assert len(untold.left) == 8


async def test_nothing_is_taken_in_of_a_body_that_broke() -> None:
    sender = Sender(GONE, piece(b"a"))
    received = body(sender, length=5)
    with pytest.raises(BodyBroken):
        await content(received)
    await received.discard()
    assert len(sender.left) == 1


async def test_a_sender_that_goes_away_while_the_rest_is_taken_in_harms_nobody() -> None:
    received = body(Sender(GONE), length=5)
    await received.discard()
    assert received.is_broken

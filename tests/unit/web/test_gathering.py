"""How many large bodies a process holds at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from layerstore.oci.errors import BodyTooLarge, Unavailable
from layerstore.web.gathering import LARGE_BODY_BYTES, Gathering
from layerstore.web.message import BodyBroken
from tests.unit.api.bodies import Pieces

SMALL = bytes(LARGE_BODY_BYTES)
LARGE = [SMALL, b"!"]
LIMIT = 4 * LARGE_BODY_BYTES


class Slow:
    """A body of which the rest comes once it may, or whose sender goes away then."""

    length = None

    def __init__(self, pieces: Sequence[bytes], *, breaks: bool = False) -> None:
        self._pieces = pieces
        self._breaks = breaks
        self.held_up = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        self.held_up.set()
        await self.may_end.wait()
        if self._breaks:
            raise BodyBroken


@pytest.mark.parametrize("breaks", [False, True])
async def test_one_large_body_too_many_is_refused_until_another_has_ended(breaks: bool) -> None:
    gathering, slow = Gathering(1), Slow(LARGE, breaks=breaks)
    first = asyncio.ensure_future(gathering.whole(slow, LIMIT))
    await slow.held_up.wait()
    with pytest.raises(Unavailable) as refused:
        await gathering.whole(Pieces(*LARGE), LIMIT)
    assert refused.value.retry_after
    assert await gathering.whole(Pieces(SMALL), LIMIT) == SMALL
    slow.may_end.set()
    ended = (await asyncio.gather(first, return_exceptions=True))[0]
    assert isinstance(ended, BodyBroken) if breaks else ended == b"".join(LARGE)
    assert await gathering.whole(Pieces(*LARGE), LIMIT) == b"".join(LARGE)


async def test_what_is_too_large_leaves_its_place() -> None:
    gathering = Gathering(1)
    for body in (Pieces(*[SMALL] * 5), Pieces(length=LIMIT + 1)):
        with pytest.raises(BodyTooLarge):
            await gathering.whole(body, LIMIT)
    assert await gathering.whole(Pieces(*LARGE), LIMIT) == b"".join(LARGE)


async def test_a_body_of_one_piece_counts_too() -> None:
    slow = Slow([SMALL + b"!"])
    gathering = Gathering(1)
    first = asyncio.ensure_future(gathering.whole(slow, LIMIT))
    await slow.held_up.wait()
    with pytest.raises(Unavailable):
        await gathering.whole(Pieces(*LARGE), LIMIT)
    slow.may_end.set()
    assert await first == SMALL + b"!"

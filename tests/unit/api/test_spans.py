"""Content-Range of a request."""

import asyncio

import pytest

from layerstore.api.spans import ChunkSpan, chunk_span, exactly
from layerstore.oci.errors import RangeInvalid, SizeInvalid
from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request
from tests.unit.api.bodies import Pieces


def span(text: str | None, length: int | None = None) -> ChunkSpan | None:
    headers = [] if text is None else [("content-range", text)]
    return chunk_span(Request("PATCH", "/", "", HeaderLines(headers), Pieces(length=length)))


def test_a_chunk_need_not_say_where_it_belongs() -> None:
    assert span(None, 5) is None


@pytest.mark.parametrize("length", [10, None])
def test_a_chunk_says_its_first_and_last_byte(length: int | None) -> None:
    assert span("5-14", length) == ChunkSpan(5, 14)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5-", "-5", "bytes 0-9/10", "bytes=0-9", "0-9/10", "9-5", "a-b", "٣-٤", "1" * 40],
)
def test_anything_else_is_refused(text: str) -> None:
    """Bug museum 3: of a request only `start-end` is taken."""
    with pytest.raises(RangeInvalid):
        span(text)


def test_a_length_that_says_otherwise_is_refused() -> None:
    with pytest.raises(SizeInvalid):
        span("0-9", 11)


async def _collected(body: Pieces, size: int) -> list[bytes]:
    return [piece async for piece in exactly(body, size)]


def test_a_body_of_the_right_size_passes() -> None:
    assert asyncio.run(_collected(Pieces(b"abc", b"de"), 5)) == [b"abc", b"de"]


@pytest.mark.parametrize("size", [4, 6])
def test_a_body_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(SizeInvalid):
        asyncio.run(_collected(Pieces(b"abc", b"de"), size))

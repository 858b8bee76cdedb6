"""Content-Range of a request: `start-end` and nothing else (decisions 12; registry-facts §2.6)."""

import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from layerstore.oci.errors import RangeInvalid, SizeInvalid
from layerstore.web.message import Body, Request

_SPAN = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class ChunkSpan(NamedTuple):
    """The place of a chunk in its blob: its first and its last byte."""

    first: int
    last: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1


def chunk_span(request: Request) -> ChunkSpan | None:
    """Where the client says that its chunk belongs; None when it does not say.

    Raises RangeInvalid when that cannot be read, SizeInvalid when Content-Length says otherwise.
    """
    text = request.headers.first("content-range")
    if text is None:
        return None
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise RangeInvalid(message="Content-Range of a chunk has the form start-end, such as 0-4")
    span = ChunkSpan(int(match[1]), int(match[2]))
    if span.size < 1:
        raise RangeInvalid(message="the chunk ends before it begins")
    if request.body.length is not None and request.body.length != span.size:
        raise SizeInvalid({"range": span.size, "length": request.body.length})
    return span


async def exactly(body: Body, size: int) -> AsyncIterator[bytes]:
    """The body; SizeInvalid as soon as it shows to be longer than `size`, or ends before."""
    left = size
    async for piece in body:
        left -= len(piece)
        if left < 0:
            raise SizeInvalid({"range": size})
        yield piece
    if left:
        raise SizeInvalid({"range": size, "length": size - left})

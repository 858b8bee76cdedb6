"""Bodies that are held in memory whole, and how many large ones a process takes in at a time.

A sender may take its time for a body: without a bound, as many as there are connections would hold
what a manifest may have at most, each.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from layerstore.gathered import Gathered
from layerstore.oci.errors import BodyTooLarge, Unavailable
from layerstore.web.message import Body

LARGE_BODY_BYTES: Final = 256 * 1024
"""A body that has more of them needs a place; few manifests do."""

LARGE_BODIES_MAX: Final = 128
"""Places for large bodies that are on their way at the same time."""

RETRY_S: Final = 5
"""Seconds after which a client may come again with one that was too many."""


class Gathering:
    """Takes bodies in whole."""

    def __init__(self, places: int = LARGE_BODIES_MAX) -> None:
        self._places = places
        self._taken = 0

    async def whole(self, body: Body, limit: int) -> bytes:
        """The complete body.

        Raises BodyTooLarge above `limit` bytes, before reading where possible, and Unavailable when
        it is a large one and too many of them are on their way.
        """
        if body.length is not None and body.length > limit:
            raise BodyTooLarge(limit)
        gathered = Gathered()
        with ExitStack() as place:
            async for piece in body:
                if gathered.size <= LARGE_BODY_BYTES < gathered.size + len(piece):
                    place.enter_context(self._place())
                gathered.add(piece)
                if gathered.size > limit:
                    raise BodyTooLarge(limit)
            return gathered.take()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._taken >= self._places:
            raise Unavailable(
                message="too many large documents at the same time", retry_after=RETRY_S
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

"""Bodies that tests make."""

from collections.abc import AsyncIterator


class Pieces:
    """A body of these pieces."""

    def __init__(self, *pieces: bytes, length: int | None = None) -> None:
        self._pieces = pieces
        self.length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece

"""Bytes on their way through the registry: gathered, and hashed beside being written."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Final

from layerstore.oci.digest import Hasher, Verifier

PIECE_BYTES: Final = 1024 * 1024
"""Bytes gathered into one piece, which is then hashed and written in one step each."""


async def pieces(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces of at least 1 MiB, but for the last one.

    When the chunks raise, what was gathered is given out first: nothing that arrived is lost.
    """
    gathered: list[bytes] = []
    size = 0
    broken: BaseException | None = None
    try:
        async for chunk in chunks:
            gathered.append(chunk)
            size += len(chunk)
            if size >= PIECE_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
    except Exception as error:  # noqa: BLE001  # raised again below, behind the last piece
        broken = error
    if gathered:
        yield b"".join(gathered)
    if broken is not None:
        raise broken


async def hashed(chunks: AsyncIterable[bytes], hasher: Hasher) -> AsyncGenerator[bytes, None]:
    """The same pieces; each is hashed off the event loop while whoever asked for it writes it."""
    loop = asyncio.get_running_loop()
    async for chunk in chunks:
        hashing = loop.run_in_executor(None, hasher.update, chunk)
        try:
            yield chunk
        finally:
            await hashing


async def verified(chunks: AsyncIterable[bytes], verifier: Verifier) -> AsyncGenerator[bytes, None]:
    """The same bytes, gathered and hashed; DigestInvalid in place of the end if they don't fit."""
    async with (
        aclosing(pieces(chunks)) as gathered,
        aclosing(hashed(gathered, verifier)) as through,
    ):
        async for chunk in through:
            yield chunk
    verifier.check()

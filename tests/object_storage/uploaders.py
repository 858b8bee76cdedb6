"""Many uploads at the same time, as Docker makes them: a session, one body, the end.

    python -m tests.object_storage.uploaders HOST UPLOADS MIB

A process of its own, whose memory is nobody's. Ends with 1 when one of them fails.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator

import aiohttp

from tests.contract.content import some_bytes

MIB = 1024 * 1024
BLOCK = some_bytes(MIB)


def content(number: int, size: int) -> Iterator[bytes]:
    """Another one for every number, out of one block."""
    yield number.to_bytes(8, "big") + BLOCK[8:]
    for _ in range(size - 1):
        yield BLOCK


def digest_of(number: int, size: int) -> str:
    digest = hashlib.sha256()
    for piece in content(number, size):
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


async def body(number: int, size: int) -> AsyncIterator[bytes]:
    for piece in content(number, size):
        yield piece


async def upload(
    session: aiohttp.ClientSession, url: str, number: int, size: int, digest: str
) -> None:
    started = await session.post(f"{url}/v2/crowd/blobs/uploads/")
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size * MIB)}
    sent = await session.patch(
        url + started.headers["Location"], data=body(number, size), headers=headers
    )
    await session.put(f"{url}{sent.headers['Location']}&digest={digest}")
    held = await session.head(f"{url}/v2/crowd/blobs/{digest}", allow_redirects=False)
    assert held.status == 307


async def crowd(host: str, uploads: int, size: int) -> None:
    """All digests are known before the first one connects: nobody keeps a server waiting."""
    digests = [digest_of(number, size) for number in range(uploads)]
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=True,
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for number, digest in enumerate(digests):
            group.create_task(upload(session, f"http://{host}", number, size, digest))


if __name__ == "__main__":
    asyncio.run(crowd(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))

"""LinkStore: small files that hold a digest and nothing else.

A link gives a repository its own view of content that is stored once (I2, I4). Whatever is not the
exact text of a digest counts as absent and is reported; nothing a crash left behind is an error.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid
from layerstore.storage.driver import PathNotFound, StorageDriver

LINKS_KEPT: Final = 1_024
"""Contents of links that need not be read as digests again."""

_log = logging.getLogger(__name__)


class LinkStore:
    """Reads, writes and removes links at the paths that `paths.py` makes."""

    def __init__(self, driver: StorageDriver) -> None:
        self._driver = driver

    async def read(self, path: str) -> Digest | None:
        """The digest that the link holds; None when there is no link, or a broken one."""
        try:
            content = await self._driver.get(path)
        except PathNotFound:
            return None
        digest = _digest(content)
        if digest is None:
            _log.warning("a broken link counts as absent: %s (%d bytes)", path, len(content))
        return digest

    async def write(self, path: str, digest: Digest) -> None:
        """Make the link, or replace it, durably."""
        await self._driver.put(path, text_of(digest))

    async def write_all(self, links: Mapping[str, Digest]) -> None:
        """Make or replace several links, in their order."""
        await self._driver.put_all({path: text_of(digest) for path, digest in links.items()})

    async def ensure(self, path: str, digest: Digest) -> None:
        """Make the link unless it is there already; durable either way, whoever made it."""
        if await self.read(path) == digest:
            await self.settle(path)
        else:
            await self.write(path, digest)

    async def settle(self, path: str) -> None:
        """See to it that a link which is there, or is not, stays so after a power loss."""
        await self._driver.settle(path)

    async def remove(self, path: str) -> None:
        """Take the link away, durably; its folder may stay, as the original's does."""
        await self._driver.delete(path)


def text_of(digest: Digest) -> bytes:
    """What stands in a link: no newline, for Go reads the whole file."""
    return digest.encode("ascii")


@lru_cache(LINKS_KEPT)
def _digest(content: bytes) -> Digest | None:
    """The digest that these bytes are; None when they are none."""
    try:
        return Digest.parse(content.decode("ascii"))
    except (DigestInvalid, UnicodeDecodeError):
        return None

"""A file system driver that makes two neighbouring writes in the wrong order."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from layerstore.clock import Clock
from layerstore.storage.filesystem import FilesystemDriver

Files: TypeAlias = Mapping[str, bytes]
NO_FILES: Final[Files] = MappingProxyType({})


class Change(NamedTuple):
    """A durable change that was asked for: a file came, or (`is_removal`) something went."""

    path: str
    is_removal: bool = False


class SwappingDriver(FilesystemDriver):
    """Answers its durable change number `at` at once, and makes it behind the next one.

    The files of a batch are changes like any other, made one after the other.
    """

    def __init__(self, root: Path, clock: Clock, at: int) -> None:
        super().__init__(root, clock)
        self.changes: list[Change] = []
        self._at = at
        self._late: Callable[[], Awaitable[None]] | None = None

    async def _in_turn(self, change: Change, make: Callable[[], Awaitable[None]]) -> None:
        self.changes.append(change)
        if len(self.changes) == self._at + 1:
            self._late = make
            return
        await make()
        late, self._late = self._late, None
        if late is not None:
            await late()

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        if not durable:
            await super().put(path, content, durable=False)
            return
        whole = (
            content if isinstance(content, bytes) else b"".join([each async for each in content])
        )

        async def make() -> None:
            await super(SwappingDriver, self).put(path, whole)

        await self._in_turn(Change(path), make)

    async def put_all(self, files: Files) -> None:
        for path, content in files.items():
            await self.put(path, content)

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        async def make() -> None:
            await super(SwappingDriver, self).move(source, target, size)

        await self._in_turn(Change(target), make)
        await self.put_all(beside)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        if not durable:
            await super().delete(path, durable=False)
            return

        async def make() -> None:
            await super(SwappingDriver, self).delete(path)

        await self._in_turn(Change(path, is_removal=True), make)

"""The driver that keeps everything in memory: for trying out and for tests, in one process.

A real driver: it passes the contract's suite and is atomic for all tasks of one event loop, since
no method awaits between looking and changing. Folders exist as long as a file is below them, and
unfinished files are not shown, as on object stores.
"""

from bisect import bisect_left, insort
from collections.abc import AsyncIterable, AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from layerstore.clock import Clock
from layerstore.storage.driver import (
    NO_FILES,
    FileInfo,
    Files,
    InvalidOffset,
    InvalidPath,
    Notes,
    PathNotFound,
    StorageDriver,
    check_folder,
    check_path,
)

NAME: Final = "inmemory"
PIECE_BYTES: Final = 1024 * 1024

_BEHIND_ALL_BELOW: Final = "\1"


class _File(NamedTuple):
    content: bytes
    modified: datetime


class MemoryDriver:
    """A StorageDriver that forgets everything with its process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._unfinished: dict[str, bytearray] = {}
        self._order: list[str] = []

    @property
    def name(self) -> str:
        return NAME

    @property
    def shows_unfinished(self) -> bool:
        return False

    @property
    def is_distant(self) -> bool:
        return False

    async def get(self, path: str) -> bytes:
        return self._file(path).content

    def _file(self, path: str) -> _File:
        check_path(NAME, path)
        try:
            return self._files[path]
        except KeyError:
            raise PathNotFound(NAME, path) from None

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        check_path(NAME, path)
        if not isinstance(content, bytes):
            content = b"".join([chunk async for chunk in content])
        self._check_fit(path)
        self._keep(path, content)

    def _check_fit(self, path: str) -> None:
        """A file is no folder, and a folder no file."""
        if self._has_below(path):
            raise InvalidPath(NAME, path)
        above = path.rpartition("/")[0]
        while above:
            if above in self._files or above in self._unfinished:
                raise InvalidPath(NAME, path)
            above = above.rpartition("/")[0]

    def _keep(self, path: str, content: bytes) -> None:
        if path not in self._files:
            insort(self._order, _key(path))
        self._files[path] = _File(content, self._clock.now())

    def _forget(self, path: str) -> _File | None:
        file = self._files.pop(path, None)
        if file is not None:
            del self._order[bisect_left(self._order, _key(path))]
        return file

    async def put_all(self, files: Files) -> None:
        for path, content in files.items():
            await self.put(path, content)

    async def begin(self, path: str, beside: Files = NO_FILES) -> None:
        check_path(NAME, path)
        self._check_fit(path)
        self._unfinished[path] = bytearray()
        await self.put_all(beside)

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        check_path(NAME, path)
        self._standing_at(path, at)
        async for chunk in chunks:
            self._standing_at(path, at).extend(chunk)
            at += len(chunk)
        return at

    def _standing_at(self, path: str, at: int) -> bytearray:
        content = self._unfinished.get(path)
        if content is None:
            raise InvalidOffset(NAME, path, at)
        if len(content) != at:
            raise InvalidOffset(NAME, path, at, len(content))
        return content

    async def pending(self, path: str) -> int | None:
        check_path(NAME, path)
        content = self._unfinished.get(path)
        return None if content is None else len(content)

    async def touched(self, path: str) -> datetime | None:
        check_path(NAME, path)
        return None

    async def finish(self, path: str) -> None:
        check_path(NAME, path)
        content = self._unfinished.pop(path, None)
        if content is not None:
            self._keep(path, bytes(content))
        elif path not in self._files:
            raise PathNotFound(NAME, path)

    async def drop(self, path: str, size: int | None = None) -> None:
        check_path(NAME, path)
        if size is not None:
            self._standing_at(path, size)
        self._unfinished.pop(path, None)

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        content = self._file(source).content
        check_path(NAME, target)
        if size is not None and len(content) != size:
            raise InvalidOffset(NAME, source, size, len(content))
        self._check_fit(target)
        self._forget(source)
        self._keep(target, content)
        await self.put_all(beside)

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        content = self._file(path).content
        if start < 0:
            raise InvalidOffset(NAME, path, start)
        stop = len(content) if end is None else min(end, len(content))
        for at in range(start, stop, PIECE_BYTES):
            yield content[at : min(at + PIECE_BYTES, stop)]

    async def size(self, path: str) -> int | None:
        try:
            info = await self.stat(path)
        except PathNotFound:
            return None
        return None if info.is_dir else info.size

    async def stat(self, path: str) -> FileInfo:
        check_folder(NAME, path)
        file = self._files.get(path)
        if file is not None:
            return FileInfo(len(file.content), file.modified, is_dir=False)
        if path == "/" or self._has_below(path):
            return FileInfo(0, self._clock.now(), is_dir=True)
        raise PathNotFound(NAME, path)

    def _has_below(self, folder: str) -> bool:
        return self._first_from(_below(folder), _below(folder)) is not None

    def _first_from(self, point: str, prefix: str) -> str | None:
        """The lowest key from `point` on, if it has the prefix."""
        found = bisect_left(self._order, point)
        if found < len(self._order) and self._order[found].startswith(prefix):
            return self._order[found]
        return None

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        check_folder(NAME, folder)
        prefix = _below(folder)
        point = prefix + after + _BEHIND_ALL_BELOW if after else prefix
        while (key := self._first_from(point, prefix)) is not None:
            name = key[len(prefix) :].partition("\0")[0]
            yield name
            point = prefix + name + _BEHIND_ALL_BELOW

    async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        check_folder(NAME, folder)
        prefix = _below(folder)
        point = max(prefix, _key(after) + "\0")
        while (key := self._first_from(point, prefix)) is not None:
            path = key.replace("\0", "/")
            yield path, await self.stat(path)
            point = key + "\0"

    async def delete(self, path: str, *, durable: bool = True) -> None:
        check_path(NAME, path)
        self._forget(path)
        while (key := self._first_from(_below(path), _below(path))) is not None:
            self._forget(key.replace("\0", "/"))
        for unfinished in [each for each in self._unfinished if _is_at_or_below(each, path)]:
            del self._unfinished[unfinished]

    async def settle(self, *paths: str) -> None:
        for path in paths:
            check_path(NAME, path)

    def file_for(self, path: str) -> Path | None:
        check_path(NAME, path)
        return None

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        check_path(NAME, path)
        return None


_: type[StorageDriver] = MemoryDriver


def _key(path: str) -> str:
    """The path in a form whose plain order is that of the contract: `/` lowest."""
    return path.replace("/", "\0")


def _below(folder: str) -> str:
    """What the keys of everything below the folder begin with."""
    return _key(folder.rstrip("/")) + "\0"


def _is_at_or_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")

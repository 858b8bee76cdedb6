"""ObjectStoreDriver: the contract of a storage driver, over any object store.

A path is a key below the root directory of the configuration. Folders are what keys have in
common. What is unfinished stands in `sessions.py`, what is listed in `listing.py`.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from layerstore.clock import Clock
from layerstore.storage.driver import (
    NO_FILES,
    FileInfo,
    Files,
    InvalidOffset,
    InvalidPath,
    Notes,
    OutOfSpace,
    PathNotFound,
    StorageDriver,
    StorageUnavailable,
    check_folder,
    check_path,
)
from layerstore.storage.objects import listing
from layerstore.storage.objects.adopting import Adopter, ForeignUploads
from layerstore.storage.objects.allocation import give_back_early
from layerstore.storage.objects.buffers import Arrivals, Buffers, SpillFailed
from layerstore.storage.objects.claims import Claims
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.sessions import (
    SESSION,
    NothingThere,
    Overtaken,
    Sessions,
    TooManyParts,
)
from layerstore.storage.objects.sizes import part_bytes
from layerstore.storage.objects.store import (
    KEY_BYTES_MAX,
    ConditionFailed,
    Objects,
    Part,
    UploadGone,
)

_LONGEST_ENDING: Final = 64
"""Bytes that stand behind the key of a file in those of its session."""


class ObjectStoreDriver:
    """A StorageDriver whose files are objects."""

    def __init__(
        self,
        objects: Objects,
        clock: Clock,
        buffers: Buffers,
        copier: Copier,
        *,
        root: str = "",
        first_part: int,
        record_pause_s: float = 0.0,
        foreign: ForeignUploads | None = None,
    ) -> None:
        """`root` is the folder of the bucket that is this driver's root, without slashes at its
        ends; `first_part` is the size of the first parts in bytes. The record of an upload that
        goes on is replaced no oftener than every `record_pause_s` seconds. `foreign` tells of
        uploads that another program began, which are gone on with.
        """
        self._objects = objects
        self._clock = clock
        self._buffers = buffers
        self._copier = copier
        self._root = f"{root}/" if root else ""
        self._first_part = first_part
        self.claims = Claims(objects, self._root, clock)
        sessions = Sessions(objects, buffers, first_part, clock, record_pause_s)
        self._sessions = sessions
        self._adopter = (
            Adopter(objects, foreign, sessions, buffers, first_part, clock) if foreign else None
        )

    @property
    def name(self) -> str:
        return self._objects.name

    @property
    def shows_unfinished(self) -> bool:
        return False

    @property
    def is_distant(self) -> bool:
        return True

    async def start(self) -> bool:
        """Look at the store once; whether several instances may share it."""
        give_back_early()
        await self._objects.start()
        await self.claims.clear()
        return self._objects.is_conditional

    async def close(self) -> None:
        """Give its connections back."""
        await self._objects.close()

    def _key(self, path: str) -> str:
        check_path(self.name, path)
        return self._root + path[1:]

    def _key_to_write(self, path: str) -> str:
        key = self._key(path)
        if len(key) + _LONGEST_ENDING > KEY_BYTES_MAX:
            raise InvalidPath(self.name, path)
        return key

    def _prefix(self, folder: str) -> str:
        check_folder(self.name, folder)
        return self._root if folder == "/" else f"{self._root}{folder[1:]}/"

    def _path(self, key: str) -> str:
        return f"/{key[len(self._root) :]}"

    @staticmethod
    def _fits(key: str) -> bool:
        """Whether there can be an object of that key at all."""
        return len(key) <= KEY_BYTES_MAX

    async def get(self, path: str) -> bytes:
        key = self._key(path)
        found = await self._objects.get(key) if self._fits(key) else None
        if found is None:
            raise PathNotFound(self.name, path)
        return found.content

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        key = self._key_to_write(path)
        if isinstance(content, bytes):
            await self._objects.put(key, content)
            return
        with self._named(path):
            await self._put_chunks(key, Arrivals(content))

    async def _put_chunks(self, key: str, arrivals: Arrivals) -> None:
        async with self._buffers.part() as part:
            if not await arrivals.fill(part, self._first_part):
                await self._objects.put(key, part)
                return
            upload = await self._objects.start_upload(key)
            try:
                parts = [await self._objects.put_part(key, upload, 1, part)]
            except BaseException:
                await self._objects.abort(key, upload)
                raise
        try:
            await self._put_rest(key, upload, parts, arrivals)
            await self._complete(key, upload, parts)
        except BaseException:
            await self._objects.abort(key, upload)
            raise

    async def _complete(self, key: str, upload: str, parts: list[Part]) -> None:
        """An upload that is gone was completed, but the answer was lost; or, where a store knows
        no upload but what a key has, somebody else has put the same file after us.
        """
        try:
            await self._objects.complete(key, upload, parts)
        except UploadGone:
            if await self._objects.head(key) is None:
                reason = "what was sent is gone before it was joined"
                raise StorageUnavailable(self.name, f"/{key}", reason) from None

    async def _put_rest(self, key: str, upload: str, parts: list[Part], arrivals: Arrivals) -> None:
        goes_on = True
        while goes_on:
            async with self._buffers.part() as part:
                number = len(parts) + 1
                goes_on = await arrivals.fill(part, part_bytes(number, self._first_part))
                if part.size:
                    parts.append(await self._objects.put_part(key, upload, number, part))

    async def put_all(self, files: Files) -> None:
        for path, content in files.items():
            await self.put(path, content)

    async def begin(self, path: str, beside: Files = NO_FILES) -> None:
        key = self._key_to_write(path)
        await asyncio.gather(self._sessions.begin(key), self.put_all(beside))

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        key = self._key(path)
        try:
            with self._named(path):
                return await self._sessions.append(key, at, chunks, notes)
        except Overtaken as error:
            raise InvalidOffset(self.name, path, at, error.size) from None

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        try:
            yield
        except SpillFailed:
            reason = "no room for a temporary file"
            raise StorageUnavailable(self.name, path, reason) from None
        except TooManyParts:
            raise OutOfSpace(self.name, path) from None

    async def pending(self, path: str) -> int | None:
        key = self._key(path)
        kept = await self._sessions.load(key)
        if kept is None and self._adopter is not None:
            with self._named(path):
                kept = await self._adopter.adopt(key)
        return None if kept is None else kept.record.size

    async def touched(self, path: str) -> datetime | None:
        kept = await self._sessions.load(self._key(path))
        return None if kept is None else kept.record.written

    async def finish(self, path: str) -> bytes | None:
        try:
            return await self._sessions.finish(self._key(path))
        except NothingThere:
            raise PathNotFound(self.name, path) from None

    async def drop(self, path: str, size: int | None = None) -> None:
        try:
            await self._sessions.drop(self._key(path), size)
        except Overtaken as error:
            raise InvalidOffset(self.name, path, size or 0, error.size) from None

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        key, new_key = self._key(source), self._key_to_write(target)
        found = await self._objects.head(key)
        if found is None:
            raise PathNotFound(self.name, source)
        if size is not None and found.size != size:
            raise InvalidOffset(self.name, source, size, found.size)
        try:
            await self._copier.copy(found, new_key)
        except ConditionFailed:
            raise PathNotFound(self.name, source) from None
        await self.put_all(beside)
        await asyncio.gather(self._objects.delete(key), self._sessions.forget(key))

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        key = self._key(path)
        if start < 0:
            raise InvalidOffset(self.name, path, start)
        if not self._fits(key):
            raise PathNotFound(self.name, path)
        if end is not None and start >= end:
            await self._check_there(path, key)
            return
        try:
            async for piece in self._objects.read(key, start, end):
                yield piece
        except KeyError:
            raise PathNotFound(self.name, path) from None

    async def _check_there(self, path: str, key: str) -> None:
        if await self._objects.head(key) is None:
            raise PathNotFound(self.name, path)

    async def size(self, path: str) -> int | None:
        key = self._key(path)
        found = await self._objects.head(key) if self._fits(key) else None
        return None if found is None else found.size

    async def stat(self, path: str) -> FileInfo:
        prefix = self._prefix(path)
        if path == "/":
            await self._objects.check()
            return self._folder()
        key = prefix[:-1]
        found = await self._objects.head(key) if self._fits(key) else None
        if found is not None:
            return listing.info(found)
        if self._fits(prefix) and (await self._objects.page(prefix, limit=1)).objects:
            return self._folder()
        raise PathNotFound(self.name, path)

    def _folder(self) -> FileInfo:
        return FileInfo(0, self._clock.now(), is_dir=True)

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        prefix = self._prefix(folder)
        if self._fits(prefix):
            async for name in listing.names(self._objects, prefix, after):
                yield name

    async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        prefix = self._prefix(folder)
        if self._fits(prefix):
            point = self._root + after.removeprefix("/")
            async for item in listing.walk(self._objects, prefix, point):
                yield self._path(item.key), listing.info(item)

    async def delete(self, path: str, *, durable: bool = True) -> None:
        key = self._key(path)
        if not self._fits(key):
            return
        await asyncio.gather(
            self._objects.delete(key), self._sessions.drop(key), self._delete_below(f"{key}/")
        )

    async def _delete_below(self, prefix: str) -> None:
        more: str | None = None
        while True:
            page = await self._objects.page(prefix, more=more)
            keys = [item.key for item in page.objects]
            for key in keys:
                if key.endswith(SESSION):
                    await self._sessions.drop(key.removesuffix(SESSION))
            await self._objects.delete_all(keys)
            if page.more is None:
                return
            more = page.more

    async def settle(self, *paths: str) -> None:
        for path in paths:
            self._key(path)  # what an object store has answered is durable

    def file_for(self, path: str) -> Path | None:
        check_path(self.name, path)
        return None

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        return await self._objects.url(self._key(path), lifetime_s, method)


_: type[StorageDriver] = ObjectStoreDriver

"""Uploads that another program began: multipart uploads at the key itself, without a record.

The original ends each request with a part of whatever size, and no store joins a short part with
one behind it. So what came is joined, and becomes the first parts of an upload of ours: copied by
the store but for the tail.
"""

from typing import NamedTuple, Protocol

from layerstore.clock import Clock
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.sessions import TAIL, Kept, Overtaken, Record, Sessions
from layerstore.storage.objects.store import ABSENT, ObjectInfo, Objects, Part


class Foreign(NamedTuple):
    """A multipart upload of somebody else's."""

    upload: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


class ForeignUploads(Protocol):
    """A store that tells of uploads which it knows and we do not."""

    async def foreign_upload(self, key: str) -> Foreign | None:
        """The latest one at exactly that key; None when there is none."""


class Adopter:
    """Makes sessions of ours out of foreign uploads."""

    def __init__(
        self,
        objects: Objects,
        foreign: ForeignUploads,
        sessions: Sessions,
        buffers: Buffers,
        part_bytes: int,
        clock: Clock,
    ) -> None:
        self._objects = objects
        self._foreign = foreign
        self._sessions = sessions
        self._buffers = buffers
        self._part_bytes = part_bytes
        self._clock = clock

    async def adopt(self, key: str) -> Kept | None:
        """The session that goes on with a foreign upload; None when there is none."""
        found = await self._foreign.foreign_upload(key)
        if found is None:
            return None
        if not found.parts:
            await self._objects.abort(key, found.upload)
            return await self._kept(key, self._record())
        await self._objects.complete(key, found.upload, found.parts)
        whole = await self._objects.head(key)
        if whole is None:
            return None
        kept = await self._kept(key, await self._divided(key, whole))
        await self._objects.delete(key)
        return kept

    async def _kept(self, key: str, record: Record) -> Kept | None:
        try:
            return await self._sessions.put(key, record, ABSENT)
        except Overtaken as overtaken:
            if record.upload and not overtaken.names_upload(record.upload):
                await self._objects.abort(key, record.upload)
            return await self._sessions.load(key)

    def _record(self) -> Record:
        return Record(self._clock.new_id(), self._clock.now())

    async def _divided(self, key: str, whole: ObjectInfo) -> Record:
        record, parts = self._record(), []
        upload, size = "", self._part_bytes
        if whole.size >= size:
            upload = await self._objects.start_upload(key)
        for number in range(1, whole.size // size + 1):
            start = (number - 1) * size
            part = await self._objects.copy_part(key, upload, number, whole, start, start + size)
            parts.append(part)
        return Record(
            record.mark,
            record.written,
            size=whole.size,
            upload=upload,
            parts=tuple(parts),
            reserved=len(parts),
            tail=await self._tail(key, len(parts) * size, whole.size),
        )

    async def _tail(self, key: str, start: int, end: int) -> ObjectInfo | None:
        if start == end:
            return None
        tail = f"{key}{TAIL}{self._clock.new_id()}"
        async with self._buffers.part() as part:
            async for piece in self._objects.read(key, start, end):
                await part.add(memoryview(piece))
            etag = await self._objects.put(tail, part)
        return ObjectInfo(tail, end - start, self._clock.now(), etag)

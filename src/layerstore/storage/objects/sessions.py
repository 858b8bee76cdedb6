"""Unfinished files in an object store: a record for each, replaced under a condition.

A record stands beside the file's key and names a multipart upload, its parts, and the tail: bytes
that are too few for a part and wait in an object of their own. Whoever writes replaces the record
after every part, if it is still the one that he read; of two writers the second finds it changed
and stops. So any instance goes on where another stopped, and nothing is found by listing.

A writer reserves the number of a part before he sends it. A part that somebody sends who was
overtaken has a number that nobody else uses, and is in no record. A store that does not like one
object to be replaced often has the record replaced after several parts; its parts have to differ
in more than their numbers.
"""

import asyncio
import logging
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import structs

from layerstore.clock import Clock
from layerstore.storage.driver import Notes, StorageError
from layerstore.storage.objects.buffers import Arrivals, Buffers, PartBuffer
from layerstore.storage.objects.sizes import PARTS_MAX, part_bytes
from layerstore.storage.objects.store import (
    ABSENT,
    ConditionFailed,
    ObjectInfo,
    Objects,
    Part,
    UploadGone,
)

SESSION: Final = "!session"
TAIL: Final = "!tail-"
"""Behind the key of the file; no path has this character, so none of them is a file."""


_log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an unfinished file; `mark` is another one in every record.

    `note` is about all its bytes. `reserved` is the highest number that a part has or may get. A
    closed file takes no more.
    """

    mark: str
    written: datetime
    size: int = 0
    upload: str = ""
    parts: tuple[Part, ...] = ()
    reserved: int = 0
    note: bytes | None = None
    tail: ObjectInfo | None = None
    closed: bool = False

    @property
    def tail_size(self) -> int:
        return self.tail.size if self.tail is not None else 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A record, and the etag under which the store has it."""

    record: Record
    etag: str


class Overtaken(Exception):
    """Somebody else replaced the record; `size` is what stands there now, None for nothing.

    `standing` is the record that was found instead of one that was to be put. It may name what the
    loser made, when his answer was lost: the other read his record, and went on from there.
    """

    def __init__(self, size: int | None, standing: Record | None = None) -> None:
        self.size = size
        self.standing = standing
        super().__init__(size)

    def names_upload(self, upload: str) -> bool:
        return self.standing is not None and self.standing.upload == upload

    def names_tail(self, key: str) -> bool:
        tail = self.standing.tail if self.standing is not None else None
        return tail is not None and tail.key == key


class NothingThere(Exception):
    """There is neither a record nor an object."""


class TooManyParts(Exception):
    """No store takes a file of that many parts."""


class Sessions:
    """The unfinished files of one bucket."""

    def __init__(
        self,
        objects: Objects,
        buffers: Buffers,
        first_part: int,
        clock: Clock,
        record_pause_s: float = 0.0,
    ) -> None:
        """`first_part` is the size of the first parts in bytes; a writer who goes on replaces the
        record when it is so many seconds old.
        """
        self._objects = objects
        self._buffers = buffers
        self._first_part = first_part
        self._clock = clock
        self._record_pause_s = record_pause_s
        self._alone = asyncio.Lock()

    async def load(self, key: str) -> Kept | None:
        """The record of an unfinished file; None when there is none, or one that makes no sense."""
        found = await self._objects.get(key + SESSION)
        if found is None:
            return None
        try:
            return Kept(msgspec.json.decode(found.content, type=Record), found.etag)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            _log.warning("the record of an unfinished file makes no sense: %s", key)
            return None

    async def begin(self, key: str) -> None:
        """A new record, whatever was there."""
        while True:
            try:
                await self.put(key, Record(self._clock.new_id(), self._clock.now()), ABSENT)
            except Overtaken:
                await self.drop(key)
                await self.forget(key)
            else:
                return

    async def drop(self, key: str, size: int | None = None) -> None:
        """Take the record away, and all that it names.

        Raises Overtaken, with the real size, when it has another than `size`.
        """
        kept = await self._closed(key, size)
        if kept is None:
            return
        record = kept.record
        if record.upload:
            await self._objects.abort(key, record.upload)
        if record.tail is not None:
            await self._objects.delete(record.tail.key)
        await self.forget(key)

    async def _closed(self, key: str, size: int | None = None) -> Kept | None:
        """The record after which no other can come, None when there is none at all."""
        while True:
            kept = await self.load(key)
            if size is not None and (kept is None or kept.record.size != size):
                raise Overtaken(None if kept is None else kept.record.size)
            if kept is None or kept.record.closed:
                return kept
            reserved = kept.record.reserved + 1
            with suppress(Overtaken):
                return await self.replace(key, kept, closed=True, reserved=reserved)

    async def forget(self, key: str) -> None:
        """Take the record of a finished file away."""
        await self._objects.delete(key + SESSION)

    async def append(
        self, key: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        """Add the chunks and return the new size.

        Raises Overtaken when the file does not stand at `at`, or not where this writer left it;
        TooManyParts; SpillFailed; and whatever the chunks raise, with what came before it kept.
        """
        kept = await self.load(key)
        if kept is None or kept.record.closed:
            raise Overtaken(None)
        if kept.record.size != at:
            raise Overtaken(kept.record.size)
        if notes is not None:
            notes.take_up(kept.record.note)
        writer = _Writer(
            self,
            self._objects,
            key,
            kept,
            self._first_part,
            self._clock,
            notes,
            self._record_pause_s,
        )
        arrivals = Arrivals(chunks)
        goes_on = True
        while goes_on:
            async with self._buffers.part() as part:
                goes_on = await writer.write(part, arrivals)
        return writer.size

    async def finish(self, key: str) -> bytes | None:
        """Make the object of what came, and return the note of it. Raises NothingThere.

        The record stays until the object is moved, so that a finish can be done once more.
        """
        kept = await self._closed(key)
        if kept is None:
            await self._check_object(key)
            return None
        record = kept.record
        try:
            await self._join(key, record)
        except (UploadGone, ConditionFailed):  # somebody else finished it meanwhile
            await self._check_object(key)
        if record.tail is not None:
            await self._objects.delete(record.tail.key)
        return record.note

    async def _check_object(self, key: str) -> None:
        if await self._objects.head(key) is None:
            raise NothingThere

    async def _join(self, key: str, record: Record) -> None:
        objects, tail = self._objects, record.tail
        if record.upload and record.parts:
            parts = record.parts
            if tail is not None:
                number = record.reserved
                last = await objects.copy_part(key, record.upload, number, tail, 0, tail.size)
                parts = (*parts, last)
            await objects.complete(key, record.upload, parts)
            return
        if tail is not None:
            await objects.copy(tail, key)
        else:
            await objects.put(key, b"")
        if record.upload:
            await objects.abort(key, record.upload)

    async def replace(self, key: str, kept: Kept, **changes: Any) -> Kept:
        """Put a changed record in the place of this one. Raises Overtaken."""
        record = structs.replace(
            kept.record, mark=self._clock.new_id(), written=self._clock.now(), **changes
        )
        return await self.put(key, record, kept.etag)

    async def put(self, key: str, record: Record, condition: str) -> Kept:
        """Keep a record, if the store has what the condition says. Raises Overtaken."""
        content = msgspec.json.encode(record)
        try:
            return Kept(record, await self._put_under(key + SESSION, content, condition))
        except ConditionFailed:
            found = await self.load(key)
        if found is not None and found.record.mark == record.mark:
            return found  # an answer was lost, and the second attempt met the first
        standing = found.record if found is not None else None
        raise Overtaken(None if standing is None or standing.closed else standing.size, standing)

    async def _put_under(self, key: str, content: bytes, condition: str) -> str:
        """Where the store keeps no conditions they are kept within this process at least."""
        if self._objects.is_conditional:
            return await self._objects.put(key, content, condition)
        async with self._alone:
            found = await self._objects.get(key)
            if condition != (ABSENT if found is None else found.etag):
                raise ConditionFailed
            return await self._objects.put(key, content)


class _Writer:
    """One `append`: it alone knows which number it has reserved."""

    def __init__(
        self,
        sessions: Sessions,
        objects: Objects,
        key: str,
        kept: Kept,
        first_part: int,
        clock: Clock,
        notes: Notes | None,
        record_pause_s: float,
    ) -> None:
        self._sessions = sessions
        self._objects = objects
        self._key = key
        self._kept = kept
        self._first_part = first_part
        self._clock = clock
        self._notes = notes
        self._record_pause_s = record_pause_s
        self._number: int | None = None
        self._size = kept.record.size
        self._parts = kept.record.parts
        self._tail = kept.record.tail
        self._recorded_at = clock.monotonic()

    @property
    def size(self) -> int:
        return self._size

    async def write(self, part: PartBuffer, arrivals: Arrivals) -> bool:
        """Gather one part and send it, or keep it as the tail; whether there may be more."""
        try:
            await self._take_tail(part)
            is_full = await arrivals.fill(part, self._limit())
        except Exception:
            await self._keep_tail(part)
            raise
        await (self._send(part) if is_full else self._keep_tail(part))
        return is_full

    async def _take_tail(self, part: PartBuffer) -> None:
        if self._tail is None:
            return
        found = await self._objects.get(self._tail.key)
        if found is None:
            raise await self._overtaken()
        await part.add(memoryview(found.content))

    def _limit(self) -> int:
        number = self._kept.record.reserved + 1 if self._number is None else self._number
        if number >= PARTS_MAX:
            raise TooManyParts
        return part_bytes(number, self._first_part)

    async def _send(self, part: PartBuffer) -> None:
        number = self._number if self._number is not None else await self._reserve()
        upload = self._kept.record.upload
        try:
            sent = await self._objects.put_part(self._key, upload, number, part)
        except UploadGone:
            raise await self._overtaken() from None
        except StorageError:
            with suppress(StorageError, Overtaken):
                await self._record_sent(number - 1)
            raise
        self._parts = (*self._parts, sent)
        self._grow(part, None)
        self._number = number + 1
        if self._clock.monotonic() - self._recorded_at >= self._record_pause_s:
            await self._record(number + 1)

    async def _reserve(self) -> int:
        """A number for the next part, in a multipart upload that the record names."""
        record = self._kept.record
        upload = record.upload or await self._objects.start_upload(self._key)
        number = record.reserved + 1
        try:
            self._kept = await self._sessions.replace(
                self._key, self._kept, upload=upload, reserved=number
            )
        except Overtaken as overtaken:
            if not record.upload and not overtaken.names_upload(upload):
                await self._objects.abort(self._key, upload)
            raise
        self._recorded_at = self._clock.monotonic()
        return number

    async def _keep_tail(self, part: PartBuffer) -> None:
        reserved = self._kept.record.reserved if self._number is None else self._number - 1
        if part.size <= (self._tail.size if self._tail else 0):
            await self._record_sent(reserved)
            return
        key = f"{self._key}{TAIL}{self._clock.new_id()}"
        etag = await self._objects.put(key, part)
        self._grow(part, ObjectInfo(key, part.size, self._clock.now(), etag))
        try:
            await self._record(reserved)
        except Overtaken as overtaken:
            if not overtaken.names_tail(key):
                await self._objects.delete(key)
            raise
        self._number = None

    async def _record_sent(self, reserved: int) -> None:
        if self._parts != self._kept.record.parts:
            await self._record(reserved)

    def _grow(self, part: PartBuffer, tail: ObjectInfo | None) -> None:
        """The part has the bytes of the tail before it, and is the new one or makes it needless."""
        self._size += part.size - (self._tail.size if self._tail else 0)
        self._tail = tail

    async def _record(self, reserved: int) -> None:
        """Replace the record by one of what is there now."""
        before = self._kept.record.tail
        note = await self._notes.of(self._size) if self._notes is not None else None
        self._kept = await self._sessions.replace(
            self._key,
            self._kept,
            size=self._size,
            parts=self._parts,
            tail=self._tail,
            note=note,
            reserved=reserved,
        )
        self._recorded_at = self._clock.monotonic()
        if before is not None and before != self._tail:
            await self._objects.delete(before.key)

    async def _overtaken(self) -> Overtaken:
        kept = await self._sessions.load(self._key)
        return Overtaken(None if kept is None or kept.record.closed else kept.record.size)

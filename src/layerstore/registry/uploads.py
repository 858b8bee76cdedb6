"""Uploads that outlive their process: begun, carried on, committed or cancelled by anybody.

A session is a folder in the original's layout (registry-facts §1.4, §1.8): `startedat` makes it
known, `data` holds what came, `hashstates/<alg>/<size>` the hash of exactly that. A state is only
a saving: it is believed when its name, its own length and the size of the data agree, and
whenever in doubt the data is read again. Of little data none is kept: it is read again in less
time than the folders of a state take to be made and removed.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from layerstore.clock import Clock
from layerstore.oci.digest import CANONICAL, Digest, Hasher, Verifier
from layerstore.oci.errors import BlobUploadUnknown, DigestInvalid, UploadOffsetInvalid
from layerstore.oci.hashstate import can_save_states, new_hasher, resume_hasher
from layerstore.oci.name import Name
from layerstore.registry.blobs import BlobStore, LinkedBlobs
from layerstore.registry.paths import (
    UploadData,
    UploadHashState,
    UploadStarted,
    is_upload_id,
    upload_folder,
    uploads_folder,
)
from layerstore.registry.streams import (
    HASHED_AT_ONCE_BYTES,
    NotedPieces,
    hashed,
    noted_hasher,
    pieces,
)
from layerstore.registry.together import together
from layerstore.storage.driver import (
    InvalidOffset,
    InvalidPath,
    PathNotFound,
    StorageDriver,
    StorageError,
)

STATES_FROM_BYTES: Final = 1024 * 1024
"""Bytes of an upload whose hash is kept."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rooms:
    """What every session of one repository works with."""

    name: Name
    driver: StorageDriver
    blobs: BlobStore
    linked: LinkedBlobs
    states_since: datetime | None


class UploadSession:
    """One upload. `size` is how much of it is there, as far as this object knows."""

    def __init__(self, rooms: _Rooms, upload_id: str, started_at: datetime, size: int) -> None:
        self._rooms = rooms
        self._data = UploadData(rooms.name, upload_id).path
        self.id = upload_id
        self.started_at = started_at
        self.size = size

    async def append(
        self, chunks: AsyncIterable[bytes], at: int | None = None, algorithm: str = CANONICAL
    ) -> int:
        """Add bytes where the upload stands, and return its new size.

        `at` is where the sender believes that to be. Raises UploadOffsetInvalid with the real
        place when it is elsewhere, also when another writer got there first, and whatever the
        chunks raise: what came before that stays. The hash of `algorithm` goes along.
        """
        if at is not None and at != self.size:
            raise UploadOffsetInvalid(self.size)
        if self._rooms.driver.is_distant:
            return await self._append_noting(chunks, algorithm)
        hasher, before = await self._hasher_here(algorithm), self.size
        try:
            async with aclosing(pieces(chunks)) as gathered:
                self.size = await self._write(gathered, hasher)
        except InvalidOffset as error:
            raise await self._elsewhere(error) from None
        finally:
            await self._save(algorithm, hasher, before)
        return self.size

    async def _append_noting(self, chunks: AsyncIterable[bytes], algorithm: str) -> int:
        """The hash is kept with the bytes, part by part."""
        pieces, driver = NotedPieces(chunks, algorithm, self.size), self._rooms.driver
        try:
            self.size = await driver.append(self._data, self.size, pieces, pieces)
        except InvalidOffset as error:
            raise await self._elsewhere(error) from None
        except Exception:
            with suppress(StorageError):
                self.size = await driver.pending(self._data) or 0
            raise
        return self.size

    async def _write(self, gathered: AsyncIterable[bytes], hasher: Hasher | None) -> int:
        if hasher is None:
            return await self._rooms.driver.append(self._data, self.size, gathered)
        async with aclosing(hashed(gathered, hasher)) as through:
            return await self._rooms.driver.append(self._data, self.size, through)

    async def _elsewhere(self, error: InvalidOffset) -> BlobUploadUnknown | UploadOffsetInvalid:
        if error.size is None:
            return self._unknown()
        self.size = error.size
        return UploadOffsetInvalid(error.size)

    async def _save(self, algorithm: str, hasher: Hasher | None, before: int) -> None:
        """Keep the hash of what is there, if that is what was hashed; never fail for it."""
        try:
            size = await self._rooms.driver.pending(self._data)
            self.size = self.size if size is None else size
            if hasher is None or hasher.size != size or size == before:
                return
            if size < STATES_FROM_BYTES and self._rooms.driver.shows_unfinished:
                return
            state = hasher.state()
            if state is not None:
                path = UploadHashState(self._rooms.name, self.id, algorithm, size).path
                await self._rooms.driver.put(path, state, durable=False)
        except StorageError:
            _log.warning("the hash of upload %s could not be kept", self.id, exc_info=True)

    async def _hasher_here(self, algorithm: str) -> Hasher | None:
        """A hasher that has taken what is there; None when only reading it all again gives one."""
        if self.size == 0:
            return new_hasher(algorithm)
        if self.size < STATES_FROM_BYTES and self._rooms.driver.shows_unfinished:
            return await self._read_again(algorithm)
        if not can_save_states():
            return None
        path = UploadHashState(self._rooms.name, self.id, algorithm, self.size).path
        try:
            if not await self._is_recent(path):
                return None
            state = await self._rooms.driver.get(path)
        except PathNotFound:
            return None
        return resume_hasher(algorithm, state, self.size)

    async def _is_recent(self, path: str) -> bool:
        """Whether the state was written since the machine started.

        Before that, another program may have written it ahead of bytes that a power loss took.
        """
        since = self._rooms.states_since
        return since is None or (await self._rooms.driver.stat(path)).modified >= since

    async def commit(self, digest: Digest) -> None:
        """Publish what is there as the blob `digest`, link it, and forget the session.

        Raises DigestInvalid when the bytes do not fit, and the session is gone then too;
        UploadOffsetInvalid when another writer added to it meanwhile; BlobUploadUnknown when
        another commit was faster. Before the answer the blob and its link are durable (I5).
        """
        try:
            note = await self._rooms.driver.finish(self._data)
            await self._verify(digest, note)
            await self._rooms.linked.take(digest, self._data, self.size)
        except PathNotFound:
            raise self._unknown() from None
        except InvalidOffset as error:
            raise await self._elsewhere(error) from None
        except DigestInvalid:
            await self.cancel()
            raise
        await self._forget()

    async def _verify(self, digest: Digest, note: bytes | None) -> None:
        if self._rooms.driver.is_distant:
            hasher = noted_hasher(digest.algorithm, note, self.size)
        else:
            hasher = await self._hasher_here(digest.algorithm)
        if hasher is None:
            hasher = await self._read_again(digest.algorithm)
        Verifier(digest, hasher).check()

    async def _read_again(self, algorithm: str) -> Hasher:
        hasher = new_hasher(algorithm)
        async for piece in self._rooms.driver.read(self._data, 0, self.size):
            if len(piece) <= HASHED_AT_ONCE_BYTES:
                hasher.update(piece)
            else:
                await asyncio.to_thread(hasher.update, piece)
        return hasher

    async def put(self, digest: Digest, chunks: AsyncIterable[bytes]) -> None:
        """Store the whole blob through a session that is empty: all of it or nothing.

        Raises UploadOffsetInvalid when the session has bytes, DigestInvalid (and the session is
        gone) when they do not fit, and whatever the chunks raise (the session stays, empty).
        """
        if self.size:
            raise UploadOffsetInvalid(self.size)
        try:
            await self._rooms.linked.put(digest, chunks)
        except DigestInvalid:
            await self.cancel()
            raise
        await self._forget()

    async def cancel(self) -> None:
        """Take the session away, with all that came."""
        await self._rooms.driver.delete(upload_folder(self._rooms.name, self.id))

    async def _forget(self) -> None:
        """What is left of a session that was committed is nobody's loss: never fail for it."""
        folder = upload_folder(self._rooms.name, self.id)
        try:
            await self._rooms.driver.delete(folder, durable=False)
        except StorageError:
            _log.warning("upload %s was committed, its folder stays", self.id, exc_info=True)

    def _unknown(self) -> BlobUploadUnknown:
        return BlobUploadUnknown({"uuid": self.id})


class UploadStore:
    """The uploads of one repository."""

    def __init__(
        self,
        name: Name,
        driver: StorageDriver,
        blobs: BlobStore,
        linked: LinkedBlobs,
        clock: Clock,
        states_since: datetime | None = None,
    ) -> None:
        self._rooms = _Rooms(name, driver, blobs, linked, states_since)
        self._clock = clock

    async def start(self) -> UploadSession:
        """A new, empty session. It survives the process, not necessarily a power loss (I5)."""
        upload_id = self._clock.new_id()
        started_at = self._clock.now().replace(microsecond=0)
        name, driver = self._rooms.name, self._rooms.driver
        text = started_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode("ascii")
        started = {UploadStarted(name, upload_id).path: text}
        await driver.begin(UploadData(name, upload_id).path, started)
        return UploadSession(self._rooms, upload_id, started_at, 0)

    async def resume(self, upload_id: str) -> UploadSession:
        """The session that somebody began; BlobUploadUnknown when there is none of that id."""
        if not is_upload_id(upload_id):
            raise BlobUploadUnknown({"uuid": upload_id[:128]})
        name, driver = self._rooms.name, self._rooms.driver
        data = UploadData(name, upload_id).path
        try:
            started, size = await together(
                driver, driver.get(UploadStarted(name, upload_id).path), driver.pending(data)
            )
        except PathNotFound:
            raise BlobUploadUnknown({"uuid": upload_id}) from None
        if size is None:
            await self._begin_again(data, upload_id)
        return UploadSession(self._rooms, upload_id, _parse_time(started), size or 0)

    async def ids(self) -> AsyncIterator[str]:
        """The ids of all sessions in byte order, lazily; also of what is only left of one."""
        async for upload_id in self._rooms.driver.names(uploads_folder(self._rooms.name)):
            if is_upload_id(upload_id):
                yield upload_id

    async def last_write(self, upload_id: str) -> datetime | None:
        """When anything was last written to a session; None when nothing is left of it.

        Where the storage does not tell when unfinished files were written, what is written beside
        them after each request tells it.
        """
        driver, folder = self._rooms.driver, upload_folder(self._rooms.name, upload_id)
        moments = [info.modified async for _, info in driver.walk(folder)]
        touched = await driver.touched(UploadData(self._rooms.name, upload_id).path)
        moments += [] if touched is None else [touched]
        if moments:
            return max(moments)
        try:
            return (await driver.stat(folder)).modified
        except PathNotFound:
            return None

    async def discard(self, upload_id: str, before: datetime) -> bool:
        """Take away a session, or its remains, to which nothing was written since `before`.

        False, and all of it stays, when something was, or is being written at this moment.
        """
        driver, data = self._rooms.driver, UploadData(self._rooms.name, upload_id).path
        size = await driver.pending(data)
        moment = await self.last_write(upload_id)
        if moment is None or moment >= before:
            return False
        try:
            if size is not None:
                await driver.drop(data, size)
        except InvalidOffset:
            return False
        await driver.delete(upload_folder(self._rooms.name, upload_id))
        return True

    async def _begin_again(self, data: str, upload_id: str) -> None:
        """A session that lost its bytes begins anew, unless something else lies in their place."""
        try:
            await self._rooms.driver.begin(data)
        except InvalidPath:
            raise BlobUploadUnknown({"uuid": upload_id}) from None


def _parse_time(text: bytes) -> datetime:
    """When a session began; a time that cannot be read is the beginning of time.

    The original writes seconds (`2006-01-02T15:04:05Z`) and reads fractions too.
    """
    try:
        return datetime.fromisoformat(text.decode("ascii").strip()).astimezone(UTC)
    except (UnicodeDecodeError, ValueError):
        return datetime.min.replace(tzinfo=UTC)

"""The filesystem driver: bytes below a folder, in the original's layout.

This file turns blocking steps into awaitable ones and errors of the system into those of the
contract; the steps themselves are in `durable.py` (files that appear whole and stay),
`unfinished.py` (files still being written), `incoming.py` (long content on its way), `ordering.py`
and `listings.py` (names in order) and `beneath.py` (never outside the root). A method costs one hop
to a thread of the driver's own pool. On the event loop runs only what cannot block: on a local file
system, a look at cached folder entries and a read of up to 128 KiB that is in memory already.
Measured for a link of 71 bytes: 9 µs on the loop, 80 µs through a thread. Nothing else is done on
the loop.
"""

import asyncio
import errno
import io
import os
import stat
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterator,
    Sequence,
)
from contextlib import aclosing, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar, TypeVarTuple

from layerstore.clock import Clock
from layerstore.gathered import Gathered
from layerstore.storage import incoming, ordering, temporaries
from layerstore.storage.beneath import ABSENT, LOOK, NAME, READ, Descriptor, Tree
from layerstore.storage.driver import (
    NO_FILES,
    FileInfo,
    Files,
    InvalidOffset,
    InvalidPath,
    Notes,
    PathNotFound,
    StorageDriver,
    StorageError,
    check_folder,
    check_path,
)
from layerstore.storage.durable import OURS, Disk
from layerstore.storage.failures import failure
from layerstore.storage.journals import keeps_order
from layerstore.storage.listings import Listings
from layerstore.storage.threads import Threads
from layerstore.storage.unfinished import Unfinished

THREADS_MIN: Final = 25
THREADS_DEFAULT: Final = 100
READ_BYTES: Final = 256 * 1024
"""Bytes of a step of a read: some ten of them wait in the server for a client that reads slowly."""

WRITE_BYTES: Final = 256 * 1024
"""Bytes that are worth a write of their own, without a sync, for more of them will come."""

HELD_BYTES: Final = 1024 * 1024
"""Bytes of a new file that are held in memory before one is made to gather them: most senders that
break off have not sent as many."""

CACHED_READ_BYTES_MAX: Final = 128 * 1024
BATCH_ITEMS: Final = 256

LEFT_AFTER_S: Final = 24 * 60.0 * 60.0
"""Seconds since its last write after which a temporary file is nobody's."""

SWEEP_REST_S: Final = 0.05
"""Seconds of rest after each BATCH_ITEMS folders that are looked into for temporary files."""

_MISFIT: Final = ABSENT - {errno.ENOENT} | {errno.EEXIST, errno.ENOTEMPTY}

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def _read_error(error: OSError, path: str) -> StorageError:
    return PathNotFound(NAME, path) if error.errno in ABSENT else failure(NAME, path, error)


def _write_error(error: OSError, path: str) -> StorageError:
    return InvalidPath(NAME, path) if error.errno in _MISFIT else failure(NAME, path, error)


class FilesystemDriver:
    """A StorageDriver over a folder, which several processes and the original may share.

    `maxthreads` bounds how many reads, and how many writes, run at a time (at least 25, as the
    original's): a disk that takes no writes for a while is read from all the same. Raises
    StorageUnavailable when the folder cannot be made or opened. Folders and files have the modes
    0777 and 0666 less the umask; what is ours lies in `layerstore/` below the root, 0700.
    `keeps_order` tells which disks do (`journals.py`), by their numbers.
    """

    def __init__(
        self,
        root: Path,
        clock: Clock,
        maxthreads: int = THREADS_DEFAULT,
        keeps_order: Callable[[int], bool] = keeps_order,
    ) -> None:
        self._root = root.absolute()
        self._clock = clock
        try:
            self._tree = Tree(self._root)
        except OSError as error:
            raise failure(NAME, "/", error) from error
        self._disk = Disk(self._tree, keeps_order)
        self._listings = Listings(self._tree, clock.now)
        self._unfinished = Unfinished(self._tree, self._disk)
        count = max(maxthreads, THREADS_MIN)
        self._readers = Threads(count, "filesystem-read")
        self._writers = Threads(count, "filesystem-write")

    @property
    def name(self) -> str:
        return NAME

    @property
    def shows_unfinished(self) -> bool:
        return True

    @property
    def is_distant(self) -> bool:
        return False

    def close(self) -> None:
        """Wait for the threads and let go of the root; nothing may be under way."""
        self._readers.close()
        self._writers.close()
        self._tree.close()

    async def tidy(self) -> None:
        """Remove what processes that died have left in our own folders; for upkeep, now and then.

        Raises StorageUnavailable.
        """
        await self._changing("/", incoming.sweep, self._tree)
        await self._changing("/", self._disk.empty_trash)

    async def sweep(self, folder: str) -> int:
        """Remove temporary files of processes that died, below `folder` and in our own folders.

        Looks into every folder, and rests in between; for upkeep, now and then. The number of files
        that were removed. Raises StorageUnavailable.
        """
        check_folder(NAME, folder)
        before = self._clock.now().timestamp() - LEFT_AFTER_S
        removed = 0
        for place in (OURS, folder):
            steps = temporaries.sweep(self._tree, place, before)
            while counts := await self._reading(place, _next_batch, steps):
                removed += sum(counts)
                await self._clock.sleep(SWEEP_REST_S)
        return removed

    async def _reading(self, path: str, step: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            return await self._readers.run(step, *args)
        except OSError as error:
            raise _read_error(error, path) from None

    async def _writing(self, path: str, step: Callable[[*Ts], T], *args: *Ts) -> T:
        try:
            return await self._writers.run(step, *args)
        except OSError as error:
            raise _write_error(error, path) from None

    async def _changing(self, path: str, step: Callable[[*Ts], T], *args: *Ts) -> T:
        """A write that needs something to be there: PathNotFound when it is not."""
        try:
            return await self._writers.run(step, *args)
        except OSError as error:
            raise _read_error(error, path) from None

    async def get(self, path: str) -> bytes:
        check_path(NAME, path)
        try:
            content = self._tree.cached_small(path)
        except FileNotFoundError:
            raise PathNotFound(NAME, path) from None
        except OSError:
            content = None
        if content is None:
            content = self._cached(path, 0, None)
        if content is None:
            content = await self._reading(path, _content, self._tree, path)
        return content

    def _cached(self, path: str, start: int, end: int | None) -> bytes | None:
        try:
            return _cached_content(self._tree, path, start, end)
        except FileNotFoundError:
            raise PathNotFound(NAME, path) from None
        except OSError:
            return None

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        check_path(NAME, path)
        if isinstance(content, bytes):
            await self._replace(path, content, durable)
        else:
            await self._put_chunks(path, content, durable)

    async def _replace(self, path: str, content: bytes, durable: bool) -> None:
        new_id = self._clock.new_id()
        await self._writing(path, self._disk.replace, {path: content}, new_id, durable)

    async def put_all(self, files: Files) -> None:
        for path in files:
            check_path(NAME, path)
        if files:
            await self._writing(next(iter(files)), self._disk.replace, files, self._clock.new_id())

    async def _put_chunks(self, path: str, chunks: AsyncIterable[bytes], durable: bool) -> None:
        spool, is_begun = incoming.Spool(self._tree, self._disk, self._clock.new_id()), False
        try:
            async with aclosing(_gathered(chunks)) as pieces:
                async for piece in pieces:
                    if len(piece) < HELD_BYTES and not is_begun:
                        await self._replace(path, piece, durable)
                        return
                    is_begun = True
                    await self._writing(path, spool.write, piece)
                    del piece
            await self._writing(path, spool.place, path, durable)
        except BaseException:
            if is_begun:
                await asyncio.shield(self._writers.run(spool.discard))
            raise

    async def begin(self, path: str, beside: Files = NO_FILES) -> None:
        for each in (path, *beside):
            check_path(NAME, each)
        await self._writing(path, self._begin, path, beside, self._clock.new_id())

    def _begin(self, path: str, beside: Files, new_id: str) -> None:
        self._unfinished.begin(path)
        self._disk.replace(beside, new_id, durable=False)

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        check_path(NAME, path)
        size, is_synced = at, False
        try:
            async for chunk in chunks:
                is_short = len(chunk) < WRITE_BYTES  # as a rule the last one
                step = self._unfinished.write_last if is_short else self._unfinished.write
                await self._writing(path, step, path, size, chunk)
                size, is_synced = size + len(chunk), is_short
                del chunk  # or it would be held while the next one is on its way
        except BaseException:
            if size > at and not is_synced:  # what came is told as kept, and its hash may be
                with suppress(StorageError):
                    await self._writing(path, self._unfinished.sync, path, size)
            raise
        if not is_synced:
            sync = self._unfinished.check if size == at else self._unfinished.sync
            await self._writing(path, sync, path, size)
        return size

    async def pending(self, path: str) -> int | None:
        check_path(NAME, path)
        return await self.size(path)

    async def touched(self, path: str) -> datetime | None:
        check_path(NAME, path)
        return None

    async def finish(self, path: str) -> None:
        check_path(NAME, path)
        if (await self.stat(path)).is_dir:
            raise PathNotFound(NAME, path)

    async def drop(self, path: str, size: int | None = None) -> None:
        check_path(NAME, path)
        if size is not None:
            await self._changing(path, self._unfinished.drop_resting, path, size)
            return
        with suppress(PathNotFound):
            await self._changing(path, self._unfinished.drop, path)

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        for path in (source, target, *beside):
            check_path(NAME, path)
        new_id = self._clock.new_id()
        await self._writing(target, self._unfinished.move, source, target, size, beside, new_id)

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        check_path(NAME, path)
        if start < 0:
            raise InvalidOffset(NAME, path, start)
        content = self._cached(path, start, end)
        if content is not None:
            if content:
                yield content
            return
        reading = _Reading(self._tree, path, start, end)
        try:
            while piece := await self._reading(path, reading.piece):
                yield piece
                if reading.is_done:
                    return
        finally:
            reading.end()

    async def size(self, path: str) -> int | None:
        check_folder(NAME, path)
        try:
            found = self._tree.open_cached(path, LOOK)
            if found is None:
                return await self._reading(path, ordering.size_at, self._tree, path)
        except (FileNotFoundError, PathNotFound):
            return None
        with found as file:
            return ordering.size_of(os.fstat(file))

    async def stat(self, path: str) -> FileInfo:
        check_folder(NAME, path)
        info = self._cached_info(path)
        if info is None:
            info = await self._reading(path, ordering.look, self._tree, path)
        if info is None:
            raise PathNotFound(NAME, path)
        return info

    def _cached_info(self, path: str) -> FileInfo | None:
        try:
            found = self._tree.open_cached(path, LOOK)
        except FileNotFoundError:
            raise PathNotFound(NAME, path) from None
        if found is None:
            return None
        with found as fd:
            return ordering.info_of(os.fstat(fd))

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        check_folder(NAME, folder)
        async for name in self._batched(folder, self._listings.names(folder, after)):
            yield name

    async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        check_folder(NAME, folder)
        async for file in self._batched(folder, ordering.files_below(self._tree, folder, after)):
            yield file

    async def _batched(self, folder: str, items: Iterator[T]) -> AsyncIterator[T]:
        while batch := await self._reading(folder, _next_batch, items):
            for item in batch:
                yield item

    async def delete(self, path: str, *, durable: bool = True) -> None:
        check_path(NAME, path)
        await self._changing(path, self._disk.delete, path, self._clock.new_id(), durable)

    async def settle(self, *paths: str) -> None:
        for path in paths:
            check_path(NAME, path)
        unsettled = [path for path in paths if not self._disk.is_settled(path)]
        if unsettled:
            await self._changing(unsettled[0], self._settle, unsettled)

    def _settle(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._disk.settle_path(path)

    def file_for(self, path: str) -> Path | None:
        check_path(NAME, path)
        return self._root / path[1:]

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        check_path(NAME, path)
        return None


_: type[StorageDriver] = FilesystemDriver


async def _gathered(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes in pieces that are worth a write, the first of at least HELD_BYTES.

    Only the last may be shorter, or empty.
    """
    gathered, worth = Gathered(), HELD_BYTES
    async for chunk in chunks:
        gathered.add(chunk)
        del chunk
        if gathered.size >= worth:
            worth, piece = WRITE_BYTES, gathered.take()
            yield piece
            del piece
    yield gathered.take()


def _next_batch(items: Iterator[T]) -> list[T]:
    return list(islice(items, BATCH_ITEMS))


def _regular_size(file: int) -> int:
    """The size of an open file; IsADirectoryError for anything that holds no bytes."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return found.st_size


def _content(tree: Tree, path: str) -> bytes:
    with tree.open(path, READ) as file:
        _regular_size(file)
        return io.FileIO(file, closefd=False).readall()


def _cached_content(tree: Tree, path: str, start: int, end: int | None) -> bytes | None:
    """The bytes of a span, if they are few and in memory already; None otherwise."""
    opened = tree.open_cached(path, READ)
    if opened is None:
        return None
    with opened as file:
        size = _regular_size(file)
        length = max(0, (size if end is None else min(end, size)) - start)
        if length > CACHED_READ_BYTES_MAX:
            return None
        buffer = bytearray(length)
        if length and os.preadv(file, [buffer], start, os.RWF_NOWAIT) < length:
            return None
        return bytes(buffer)


class _Reading:
    """A span of a file that is read piece by piece, opened at the first.

    A reader that is cancelled ends it while a thread may still read: whichever of the two is the
    later one closes the file.
    """

    def __init__(self, tree: Tree, path: str, start: int, end: int | None) -> None:
        self._tree = tree
        self._path = path
        self._at = start
        self._end = end
        self._file: Descriptor | None = None
        self._busy = Lock()
        self._is_ended = False

    @property
    def is_done(self) -> bool:
        return self._end is not None and self._at >= self._end

    def piece(self) -> bytes:
        """The next bytes, at most READ_BYTES; none at the end."""
        with self._busy:
            piece = b"" if self._is_ended else self._next_bytes()
        if self._is_ended:
            self.end()
        return piece

    def _next_bytes(self) -> bytes:
        if self._file is None:
            self._file = self._open()
        length = max(0, min(READ_BYTES, (self._end or 0) - self._at))
        piece = os.pread(self._file.number, length, self._at)
        self._at += len(piece)
        return piece

    def end(self) -> None:
        """Close the file, now or as soon as no thread reads it."""
        self._is_ended = True
        if self._busy.acquire(blocking=False):
            try:
                if self._file is not None:
                    self._file.close()
            finally:
                self._busy.release()

    def _open(self) -> Descriptor:
        """The file, with the end of the span brought back to that of the file."""
        file = self._tree.open(self._path, READ)
        size = _regular_size(file.number)
        self._end = size if self._end is None else min(self._end, size)
        return file

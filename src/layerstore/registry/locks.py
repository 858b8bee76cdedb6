"""Keys that one mutation holds at a time, across all workers of a registry.

A delete and a re-push of one thing must not cross. The keys are (repository, digest) and
(repository, tag); whoever needs both takes the digest first, then tags in order, and that is the
whole order there is. Keys share a bounded number of places: two keys in one place wait for each
other and are otherwise strangers.
"""

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from struct import Struct
from typing import Final, Protocol
from zlib import crc32

from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.storage.failures import failure

PLACES: Final = 256
"""Places for digests, and as many for tags."""

WAIT_SECONDS: Final = 10.0
"""How long a mutation waits for another one on the same thing."""

CHANGES: Final = "changes"
"""The file in the folder of locks."""

RETRY_AFTER_SECONDS: Final = 5
_POLL_SECONDS: Final = 0.01


class Locks(Protocol):
    """Exclusive keys. Both raise Unavailable after 10 s of waiting, and StorageError."""

    def digest(self, name: Name, digest: Digest) -> AbstractAsyncContextManager[None]:
        """Hold one digest in one repository. Never ask for it while holding tags."""

    def tags(self, name: Name, tags: Sequence[Tag]) -> AbstractAsyncContextManager[None]:
        """Hold some tags in one repository. Never ask for more while holding tags."""


def _places(name: Name, keys: Iterable[str]) -> list[int]:
    return sorted({crc32(f"{name}\n{key}".encode()) % PLACES for key in keys})


class ProcessLocks:
    """Locks within one process, for the memory driver and as the first step of FileLocks."""

    def __init__(self) -> None:
        self._digests = [asyncio.Lock() for _ in range(PLACES)]
        self._tags = [asyncio.Lock() for _ in range(PLACES)]

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        async with _held([self._digests[place] for place in _places(name, [digest])]):
            yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        async with _held([self._tags[place] for place in _places(name, tags)]):
            yield


@asynccontextmanager
async def _held(locks: Sequence[asyncio.Lock]) -> AsyncIterator[None]:
    taken: list[asyncio.Lock] = []
    try:
        for lock in locks:
            await _acquire(lock)
            taken.append(lock)
        yield
    finally:
        for lock in reversed(taken):
            lock.release()


async def _acquire(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await lock.acquire()
    except TimeoutError:
        raise _busy() from None


class _LockFile:
    """One open file; its locks go with it, when the last one lets go who uses it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def is_there(self) -> bool:
        """Whether others still find it by its name; somebody may have cleared the folder."""
        try:
            return os.fstat(self._number).st_nlink > 0
        except OSError:
            return False

    def take(self, place: int) -> None:
        """Lock one byte. Raises BlockingIOError when another process holds it, or OSError."""
        self._set(fcntl.F_WRLCK, place)

    def let_go(self, place: int) -> None:
        """Unlock it. Raises OSError."""
        self._set(fcntl.F_UNLCK, place)

    def _set(self, kind: int, place: int) -> None:
        wanted = _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0)
        try:
            fcntl.fcntl(self._number, fcntl.F_OFD_SETLK, wanted)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            # Sandboxes may know the older kind alone. It belongs to the process, which is enough:
            # who shares one has its turn by ProcessLocks, and the file is open once.
            fcntl.fcntl(self._number, fcntl.F_SETLK, wanted)

    def __del__(self) -> None:
        os.close(self._number)


_FLOCK: Final = Struct("hhqqi")
"""`struct flock`: kind, from where, first byte, bytes, no process (fcntl(2), open file locks)."""


class FileLocks:
    """Locks across processes: on bytes of one file, freed when their process ends."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._path = folder / CHANGES
        self._clock = clock
        self._inside = ProcessLocks()
        self._turn = asyncio.Lock()
        self._file: _LockFile | None = None

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        async with (
            self._inside.digest(name, digest),
            self._locked(_places(name, [digest])),
        ):
            yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        places = [PLACES + place for place in _places(name, tags)]
        async with self._inside.tags(name, tags), self._locked(places):
            yield

    @asynccontextmanager
    async def _locked(self, places: Sequence[int]) -> AsyncIterator[None]:
        file, taken = await self._opened(), list[int]()
        try:
            for place in places:
                await self._take(file, place)
                taken.append(place)
            yield
        finally:
            for place in reversed(taken):
                self._let_go(file, place)

    def _let_go(self, file: _LockFile, place: int) -> None:
        """What cannot be unlocked goes with the file, which nobody asks for again."""
        try:
            file.let_go(place)
        except OSError:
            if self._file is file:
                self._file = None

    async def _opened(self) -> _LockFile:
        """The file that others find; opened off the event loop, where a disk may hang.

        Raises StorageError, and Unavailable when it takes too long.
        """
        if self._file is not None and self._file.is_there():
            return self._file
        await _acquire(self._turn)
        try:
            return await self._opened_anew()
        finally:
            self._turn.release()

    async def _opened_anew(self) -> _LockFile:
        if self._file is not None and self._file.is_there():
            return self._file  # somebody else was faster
        opening = asyncio.get_running_loop().run_in_executor(None, self._open)
        opening.add_done_callback(_heard)
        await asyncio.wait([opening], timeout=WAIT_SECONDS)
        if not opening.done():
            raise _busy()
        try:
            self._file = opening.result()
        except OSError as error:
            raise failure("locks", "/", error) from error
        return self._file

    def _open(self) -> _LockFile:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return _LockFile(os.open(self._path, flags, 0o600))
        except FileNotFoundError:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _LockFile(os.open(self._path, flags, 0o600))

    async def _take(self, file: _LockFile, place: int) -> None:
        deadline = self._clock.monotonic() + WAIT_SECONDS
        while True:
            try:
                file.take(place)
            except BlockingIOError:
                if self._clock.monotonic() >= deadline:
                    raise _busy() from None
                await self._clock.sleep(_POLL_SECONDS)
            except OSError as error:
                raise failure("locks", "/", error) from error
            else:
                return


def _heard(opening: asyncio.Future[_LockFile]) -> None:
    """An error that comes when nobody waits any more is nothing to be warned of."""
    if not opening.cancelled():
        opening.exception()


def _busy() -> Unavailable:
    return Unavailable(
        message="another change of the same thing is under way",
        retry_after=RETRY_AFTER_SECONDS,
    )


_: type[Locks] = ProcessLocks
_2: type[Locks] = FileLocks

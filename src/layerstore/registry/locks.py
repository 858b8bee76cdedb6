"""Keys that one mutation holds at a time, across all workers of a registry.

A delete and a re-push of one thing must not cross. The keys are (repository, digest) and
(repository, tag); whoever needs both takes the digest first, then tags in order, and that is the
whole order there is. Keys share a bounded number of places, so that no file is ever left to clean
up: two keys in one place wait for each other and are otherwise strangers.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, Protocol
from weakref import finalize
from zlib import crc32

from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.storage.failures import failure

PLACES: Final = 256
"""Lock files for digests, and as many for tags."""

WAIT_SECONDS: Final = 10.0
"""How long a mutation waits for another one on the same thing."""

KEPT_OPEN: Final = 64
"""Lock files that stay open, so that the next one who needs them need not wait for a disk."""

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
            try:
                await asyncio.wait_for(lock.acquire(), WAIT_SECONDS)
            except TimeoutError:
                raise _busy() from None
            taken.append(lock)
        yield
    finally:
        for lock in reversed(taken):
            lock.release()


class FileLocks:
    """Locks across processes: flocks on files in one folder, freed when their process ends."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._inside = ProcessLocks()
        self._kept: dict[tuple[str, int], int] = {}
        finalize(self, _close_kept, self._kept)

    @asynccontextmanager
    async def digest(self, name: Name, digest: Digest) -> AsyncIterator[None]:
        async with (
            self._inside.digest(name, digest),
            self._flocked("digests", _places(name, [digest])),
        ):
            yield

    @asynccontextmanager
    async def tags(self, name: Name, tags: Sequence[Tag]) -> AsyncIterator[None]:
        async with self._inside.tags(name, tags), self._flocked("tags", _places(name, tags)):
            yield

    @asynccontextmanager
    async def _flocked(self, kind: str, places: Sequence[int]) -> AsyncIterator[None]:
        files = await self._files(kind, places)
        try:
            for file in files:
                await self._take(file)
            yield
        finally:
            self._let_go(kind, places, files)

    async def _files(self, kind: str, places: Sequence[int]) -> Sequence[int]:
        """The open files of these places, which are nobody else's in this process now."""
        kept = [self._kept.pop((kind, place), None) for place in places]
        if all(file is not None and _is_there(file) for file in kept):
            files = [file for file in kept if file is not None]
        else:
            _close_all([file for file in kept if file is not None])
            files = list(await self._opened(kind, places))
        return files

    def _let_go(self, kind: str, places: Sequence[int], files: Sequence[int]) -> None:
        """Unlock the files, and keep a few of them open for whoever comes next."""
        for place, file in zip(reversed(places), reversed(files), strict=True):
            if len(self._kept) < KEPT_OPEN and _unlocked(file):
                self._kept[kind, place] = file
            else:
                _close_all([file])

    async def _opened(self, kind: str, places: Sequence[int]) -> Sequence[int]:
        """The files, opened off the event loop: a disk that hangs holds up nobody else.

        Raises StorageError, and Unavailable when it takes too long.
        """
        loop = asyncio.get_running_loop()
        opening = loop.run_in_executor(None, self._open_all, kind, places)
        try:
            await asyncio.wait([opening], timeout=WAIT_SECONDS)
            if not opening.done():
                raise _busy()
            return opening.result()
        except OSError as error:
            raise failure("locks", f"/{kind}", error) from error
        except (Unavailable, asyncio.CancelledError):
            opening.add_done_callback(_close_late)
            raise

    def _open_all(self, kind: str, places: Sequence[int]) -> Sequence[int]:
        files: list[int] = []
        try:
            files.extend(self._open(kind, place) for place in places)
        except OSError:
            _close_all(files)
            raise
        return files

    def _open(self, kind: str, place: int) -> int:
        path = self._folder / kind / f"{place:03d}"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(path, flags, 0o600)

    async def _take(self, file: int) -> None:
        deadline = self._clock.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic() >= deadline:
                    raise _busy() from None
                await self._clock.sleep(_POLL_SECONDS)
            except OSError as error:
                raise failure("locks", "/", error) from error
            else:
                return


def _close_all(files: Sequence[int]) -> None:
    """Let go of locks; a number is free whatever the system says of it (close(2))."""
    for file in reversed(files):
        with suppress(OSError):
            os.close(file)


def _close_kept(kept: Mapping[tuple[str, int], int]) -> None:
    _close_all(list(kept.values()))


def _is_there(file: int) -> bool:
    """Whether others still find the file by its name; somebody may have cleared the folder."""
    try:
        return os.fstat(file).st_nlink > 0
    except OSError:
        return False


def _unlocked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_UN)
    except OSError:
        return False
    return True


def _close_late(opening: asyncio.Future[Sequence[int]]) -> None:
    """Nobody waited for these any more."""
    if not opening.cancelled() and opening.exception() is None:
        _close_all(opening.result())


def _busy() -> Unavailable:
    return Unavailable(
        message="another change of the same thing is under way",
        retry_after=RETRY_AFTER_SECONDS,
    )


_: type[Locks] = ProcessLocks
_2: type[Locks] = FileLocks

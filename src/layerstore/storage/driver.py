"""StorageDriver, the contract between a registry and the place where its bytes are.

Stateless and atomic: any process may continue what another began. A path is absolute, its
segments are `[A-Za-z0-9._-]+` and never `.` or `..`; `/` names the root, for `stat`, `names`,
`walk` and nothing else. `get`, `stat` and `names` never show an unfinished file on object stores;
on a file system they do, and callers must not mind. The suite in `tests/contract/` is this
contract's full text.
"""

import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, TypeAlias

PATHS_KEPT: Final = 1_024
"""Paths whose check is remembered: the wrapper of every driver checks, and the driver again."""

_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+")


class StorageError(Exception):
    """Any failure below this contract; `driver` names who failed, `path` at what."""

    def __init__(self, driver: str, path: str, reason: str) -> None:
        self.driver = driver
        self.path = path
        self.reason = reason
        super().__init__(f"{driver}: {reason}: {path}")


class PathNotFound(StorageError):
    """There is nothing finished at the path."""

    def __init__(self, driver: str, path: str) -> None:
        super().__init__(driver, path, "path not found")


class InvalidPath(StorageError):
    """The path does not fit the grammar."""

    def __init__(self, driver: str, path: str) -> None:
        super().__init__(driver, path, "invalid path")


class InvalidOffset(StorageError):
    """The unfinished file stands at `size` (None: there is none), the caller said `offset`."""

    def __init__(self, driver: str, path: str, offset: int, size: int | None = None) -> None:
        self.offset = offset
        self.size = size
        super().__init__(driver, path, f"invalid offset {offset}")


class OutOfSpace(StorageError):
    """The place is full, or a quota is used up."""

    def __init__(self, driver: str, path: str) -> None:
        super().__init__(driver, path, "no space left")


class StorageUnavailable(StorageError):
    """The place cannot be used now: read-only, broken, out of reach, overloaded."""


@lru_cache(PATHS_KEPT)
def check_path(driver: str, path: str) -> None:
    """Raise InvalidPath unless this can be the path of a file."""
    if _PATH.fullmatch(path) is None:
        raise InvalidPath(driver, path)


def check_folder(driver: str, path: str) -> None:
    """Raise InvalidPath unless this is the root or can be the path of a folder."""
    if path != "/":
        check_path(driver, path)


Files: TypeAlias = Mapping[str, bytes]
"""Small files by their paths, in the order in which they appear."""

NO_FILES: Final[Files] = MappingProxyType({})


class FileInfo(NamedTuple):
    """What `stat` tells of a finished file or a folder; a folder has size 0."""

    size: int
    modified: datetime
    is_dir: bool


class Notes(Protocol):
    """What a writer wants kept with the bytes of an unfinished file, for who goes on with it."""

    def take_up(self, note: bytes | None) -> None:
        """The note of the bytes that are there; before the first chunk is asked for."""

    async def of(self, size: int) -> bytes | None:
        """The note of the first `size` bytes, all of which were asked for; None if there is none.

        May take up to 1 KiB.
        """


class StorageDriver(Protocol):
    """Eleven verbs for files, six for unfinished ones. Every method may raise StorageError."""

    @property
    def name(self) -> str:
        """The name in the configuration: `filesystem`, `inmemory`, …"""

    @property
    def is_distant(self) -> bool:
        """Whether each call waits for a network, so that two are worth making side by side.

        Such a driver keeps the notes of writers.
        """

    @property
    def shows_unfinished(self) -> bool:
        """Whether `get`, `read`, `stat` and `names` show unfinished files too."""

    async def get(self, path: str) -> bytes:
        """The whole content. Raises PathNotFound, for a folder too."""

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        """Make or replace a file, with its parents: whole or not at all, also if the chunks raise.

        With `durable` it survives a power loss once this returns; without, it survives the
        process, and a power loss may leave it absent, empty or as before.
        """

    async def put_all(self, files: Files) -> None:
        """Make or replace small files, each whole or not at all, in their order.

        All are durable once this returns; a crash before that leaves the first of them.
        """

    async def begin(self, path: str, beside: Files = NO_FILES) -> None:
        """Make a new unfinished file of size 0; an older one is dropped.

        The small files `beside` it are put as by `put` with `durable` off.
        """

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        """Add the chunks to an unfinished file and return its new size.

        Raises InvalidOffset, with the size, when `at` is not the size, checked at every write: of
        two writers the one that writes next at the right place goes on. What was written before
        a failure stays, whoever failed. The next chunk is asked for only when the one before it
        is written; an object store writes when a part is full, and when the chunks end or raise.
        Returns once the bytes are synced, as far as the place can sync unfinished files. A distant
        driver keeps what the notes say with the bytes that it is about.
        """

    async def pending(self, path: str) -> int | None:
        """The size of the unfinished file, begun by whatever process; None when there is none."""

    async def touched(self, path: str) -> datetime | None:
        """When the unfinished file was last written to; None where `walk` tells it, if anything."""

    async def finish(self, path: str) -> bytes | None:
        """Make the unfinished file readable; once more is no error. It is durable once it is moved.

        Returns the note of all its bytes, None if there is none or the driver keeps none.
        Raises PathNotFound when there is neither an unfinished nor a finished file.
        """

    async def drop(self, path: str, size: int | None = None) -> None:
        """Take the unfinished file away, with what it costs; absent is no error.

        With `size`, raises InvalidOffset, leaving it alone, unless it has exactly that size and
        nobody is writing to it at that moment; absent is one then (its size None).
        """

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        """Move a finished file: the target is whole or untouched, and replaced.

        Raises PathNotFound, leaving the target alone. With `size`, raises InvalidOffset, leaving
        both alone, unless the source has exactly that size at the moment it moves; from that moment
        no append reaches it any more, whoever began one: an append finds its path gone at its
        next write (InvalidOffset with size None). So bytes that were verified are the bytes that
        are moved. The source is gone afterwards (a crash may leave both; then no append changes
        the target). Durable, with the parents made.

        The small files `beside` it appear behind it, and are durable too once this returns.
        """

    def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to before `end` (None: the end), in pieces of at most 1 MiB.

        PathNotFound at the first step. At or past the end: nothing. A negative start:
        InvalidOffset.
        """

    async def size(self, path: str) -> int | None:
        """The size of a finished file; None when there is none, or a folder."""

    async def stat(self, path: str) -> FileInfo:
        """Of a finished file or a folder; `/` always is one. Raises PathNotFound."""

    def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        """The names of the folder's direct children behind `after`, in byte order, lazily.

        Nothing when the folder is absent; what vanishes meanwhile is skipped.
        """

    def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        """Every file below the folder with its path, behind the path `after`, in lexical order.

        Segment by segment, `/` lowest: `/a/b` comes before `/a-b`. Nothing when absent; what
        vanishes meanwhile is skipped.
        """

    async def delete(self, path: str, *, durable: bool = True) -> None:
        """A file, or everything below a folder, with the unfinished files there.

        Absent is no error; `/a` never touches `/ab`. Without `durable` a power loss may bring it
        back.
        """

    async def settle(self, *paths: str) -> None:
        """See to it that what is at the paths now survives a power loss, whoever brought it there.

        For a caller who found done already what it was to do: another process may have died, or
        still be busy, between the change that can be seen and its sync. Of a file that goes for
        its bytes and its name, of a folder for what is directly in it, and where nothing is, for
        that. Absent is no error.
        """

    def file_for(self, path: str) -> Path | None:
        """A local file that holds exactly these bytes, for the server to send; None if none can.

        Says nothing about whether it exists.
        """

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        """A URL where a client may GET or HEAD these bytes for so many seconds; None if none."""

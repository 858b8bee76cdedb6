"""The one wrapper that every driver wears in production.

It refuses paths outside the grammar, tells how long the driver took, and lets no error of the
operating system through. It holds no state and decides nothing else.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Iterable,
    Sequence,
)
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar

from layerstore.clock import Clock
from layerstore.storage.driver import (
    NO_FILES,
    FileInfo,
    Files,
    Notes,
    StorageDriver,
    check_folder,
    check_path,
)
from layerstore.storage.failures import failure
from layerstore.storage.redirects import UrlStep

T = TypeVar("T")


class Observe(Protocol):
    """Is told of every operation, also of one that failed."""

    def __call__(self, driver: str, action: str, seconds: float) -> None: ...


class _Watch:
    """Counts the seconds of an operation that also waits for somebody else.

    While it rests, what is raised is no error of the storage: it is what a client's chunks raise.
    """

    __slots__ = ("_action", "_driver", "_path", "_seconds", "_since")

    def __init__(self, driver: "MeteredDriver", action: str, path: str) -> None:
        self._driver = driver
        self._action = action
        self._path = path
        self._seconds = 0.0
        self._since: float | None = None

    def run(self) -> None:
        self._since = self._driver.clock.monotonic()

    def rest(self) -> None:
        if self._since is not None:
            self._seconds += self._driver.clock.monotonic() - self._since
            self._since = None

    def __enter__(self) -> Self:
        self.run()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        was_running = self._since is not None
        self.rest()
        self._driver.observe(self._driver.name, self._action, self._seconds)
        if was_running and isinstance(error, OSError):
            raise failure(self._driver.name, self._path, error) from None


class MeteredDriver:
    """A StorageDriver that hands everything on to another and observes it.

    What is told to `observe` is the driver's own time: not that of a client whose chunks a `put` or
    `append` waits for, nor that of a reader between two steps of `read`, `names` or `walk`. Where
    clients are sent goes through `url_steps`, in their order.
    """

    def __init__(
        self,
        driver: StorageDriver,
        clock: Clock,
        observe: Observe,
        url_steps: Sequence[UrlStep] = (),
    ) -> None:
        self.name = driver.name
        self.inner = driver
        self.is_distant = driver.is_distant
        self.shows_unfinished = driver.shows_unfinished
        self.clock = clock
        self.observe = observe
        self._driver = driver
        self._url_steps = tuple(url_steps)

    async def _timed(self, action: str, path: str, operation: Awaitable[T]) -> T:
        """What the driver answers: told, and without an error of the system's."""
        began = self.clock.monotonic()
        try:
            return await operation
        except OSError as error:
            raise failure(self.name, path, error) from None
        finally:
            self.observe(self.name, action, self.clock.monotonic() - began)

    def _watch(self, action: str, path: str) -> _Watch:
        return _Watch(self, action, path)

    async def get(self, path: str) -> bytes:
        check_path(self.name, path)
        return await self._timed("get", path, self._driver.get(path))

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        check_path(self.name, path)
        with self._watch("put", path) as watch:
            if not isinstance(content, bytes):
                content = _resting(content, watch)
            await self._driver.put(path, content, durable=durable)

    async def put_all(self, files: Files) -> None:
        self._check_all(files)
        await self._timed("put", next(iter(files), "/"), self._driver.put_all(files))

    def _check_all(self, paths: Iterable[str]) -> None:
        for path in paths:
            check_path(self.name, path)

    async def begin(self, path: str, beside: Files = NO_FILES) -> None:
        self._check_all((path, *beside))
        await self._timed("begin", path, self._driver.begin(path, beside))

    async def append(
        self, path: str, at: int, chunks: AsyncIterable[bytes], notes: Notes | None = None
    ) -> int:
        check_path(self.name, path)
        with self._watch("append", path) as watch:
            return await self._driver.append(path, at, _resting(chunks, watch), notes)

    async def pending(self, path: str) -> int | None:
        check_path(self.name, path)
        return await self._timed("pending", path, self._driver.pending(path))

    async def touched(self, path: str) -> datetime | None:
        check_path(self.name, path)
        return await self._timed("pending", path, self._driver.touched(path))

    async def finish(self, path: str) -> bytes | None:
        check_path(self.name, path)
        return await self._timed("finish", path, self._driver.finish(path))

    async def drop(self, path: str, size: int | None = None) -> None:
        check_path(self.name, path)
        await self._timed("drop", path, self._driver.drop(path, size))

    async def move(
        self, source: str, target: str, size: int | None = None, beside: Files = NO_FILES
    ) -> None:
        self._check_all((source, target, *beside))
        await self._timed("move", source, self._driver.move(source, target, size, beside))

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        check_path(self.name, path)
        with self._watch("read", path) as watch:
            async with aclosing(_stepping(self._driver.read(path, start, end), watch)) as steps:
                async for piece in steps:
                    yield piece

    async def size(self, path: str) -> int | None:
        check_path(self.name, path)
        return await self._timed("stat", path, self._driver.size(path))

    async def stat(self, path: str) -> FileInfo:
        check_folder(self.name, path)
        return await self._timed("stat", path, self._driver.stat(path))

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        check_folder(self.name, folder)
        with self._watch("names", folder) as watch:
            async with aclosing(_stepping(self._driver.names(folder, after), watch)) as steps:
                async for name in steps:
                    yield name

    async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        check_folder(self.name, folder)
        with self._watch("walk", folder) as watch:
            async with aclosing(_stepping(self._driver.walk(folder, after), watch)) as steps:
                async for file in steps:
                    yield file

    async def delete(self, path: str, *, durable: bool = True) -> None:
        check_path(self.name, path)
        await self._timed("delete", path, self._driver.delete(path, durable=durable))

    async def settle(self, *paths: str) -> None:
        self._check_all(paths)
        await self._timed("settle", paths[0] if paths else "/", self._driver.settle(*paths))

    def file_for(self, path: str) -> Path | None:
        check_path(self.name, path)
        return self._driver.file_for(path)

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        check_path(self.name, path)
        if not self.is_distant and not self._url_steps:
            return None  # there is none, and no time in which to find out
        url = await self._timed("url_for", path, self._driver.url_for(path, lifetime_s, method))
        for step in self._url_steps:
            url = step(path, url)
        return url


_: type[StorageDriver] = MeteredDriver


async def _resting(chunks: AsyncIterable[bytes], watch: _Watch) -> AsyncGenerator[bytes, None]:
    """The same chunks; the watch rests while the next one is awaited."""
    watch.rest()
    async for chunk in chunks:
        watch.run()
        yield chunk
        watch.rest()
        del chunk  # or it would be held while the next one is on its way
    watch.run()


async def _stepping(steps: AsyncIterator[T], watch: _Watch) -> AsyncGenerator[T, None]:
    """The same items; the watch runs only while the next one is being found."""
    try:
        async for item in steps:
            watch.rest()
            yield item
            watch.run()
    finally:
        if isinstance(steps, AsyncGenerator):
            await steps.aclose()

"""The one wrapper that every driver wears in production.

It refuses paths outside the grammar, tells how long the driver took, and lets no error of the
operating system through. It holds no state and decides nothing else.
"""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from layerstore.clock import Clock
from layerstore.storage.driver import (
    FileInfo,
    StorageDriver,
    StorageUnavailable,
    check_folder,
    check_path,
)
from layerstore.storage.redirects import UrlStep

T = TypeVar("T")


class Observe(Protocol):
    """Is told of every operation, also of one that failed."""

    def __call__(self, driver: str, action: str, seconds: float) -> None: ...


class _Watch:
    """Counts the seconds while it runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None
        self.seconds = 0.0

    def run(self) -> None:
        self._since = self._clock.monotonic()

    def rest(self) -> None:
        if self._since is not None:
            self.seconds += self._clock.monotonic() - self._since
            self._since = None


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
        self._driver = driver
        self._clock = clock
        self._observe = observe
        self._url_steps = tuple(url_steps)

    @property
    def name(self) -> str:
        return self._driver.name

    @contextmanager
    def _watched(self, action: str) -> Iterator[_Watch]:
        watch = _Watch(self._clock)
        watch.run()
        try:
            yield watch
        finally:
            watch.rest()
            self._observe(self.name, action, watch.seconds)

    @contextmanager
    def _named(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = (error.strerror or "input or output failed").lower()
            raise StorageUnavailable(self.name, path, reason) from None

    async def get(self, path: str) -> bytes:
        check_path(self.name, path)
        with self._watched("get"), self._named(path):
            return await self._driver.get(path)

    async def put(
        self, path: str, content: bytes | AsyncIterable[bytes], *, durable: bool = True
    ) -> None:
        check_path(self.name, path)
        with self._watched("put") as watch:
            if not isinstance(content, bytes):
                content = _resting(content, watch)
            await self._driver.put(path, content, durable=durable)

    async def begin(self, path: str) -> None:
        check_path(self.name, path)
        with self._watched("begin"), self._named(path):
            await self._driver.begin(path)

    async def append(self, path: str, at: int, chunks: AsyncIterable[bytes]) -> int:
        check_path(self.name, path)
        with self._watched("append") as watch:
            return await self._driver.append(path, at, _resting(chunks, watch))

    async def pending(self, path: str) -> int | None:
        check_path(self.name, path)
        with self._watched("pending"), self._named(path):
            return await self._driver.pending(path)

    async def finish(self, path: str) -> None:
        check_path(self.name, path)
        with self._watched("finish"), self._named(path):
            await self._driver.finish(path)

    async def drop(self, path: str) -> None:
        check_path(self.name, path)
        with self._watched("drop"), self._named(path):
            await self._driver.drop(path)

    async def move(self, source: str, target: str, size: int | None = None) -> None:
        check_path(self.name, source)
        check_path(self.name, target)
        with self._watched("move"), self._named(source):
            await self._driver.move(source, target, size)

    async def read(self, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        check_path(self.name, path)
        with self._watched("read") as watch, self._named(path):
            async with aclosing(_stepping(self._driver.read(path, start, end), watch)) as steps:
                async for piece in steps:
                    yield piece

    async def stat(self, path: str) -> FileInfo:
        check_folder(self.name, path)
        with self._watched("stat"), self._named(path):
            return await self._driver.stat(path)

    async def names(self, folder: str, after: str = "") -> AsyncIterator[str]:
        check_folder(self.name, folder)
        with self._watched("names") as watch, self._named(folder):
            async with aclosing(_stepping(self._driver.names(folder, after), watch)) as steps:
                async for name in steps:
                    yield name

    async def walk(self, folder: str, after: str = "") -> AsyncIterator[tuple[str, FileInfo]]:
        check_folder(self.name, folder)
        with self._watched("walk") as watch, self._named(folder):
            async with aclosing(_stepping(self._driver.walk(folder, after), watch)) as steps:
                async for file in steps:
                    yield file

    async def delete(self, path: str) -> None:
        check_path(self.name, path)
        with self._watched("delete"), self._named(path):
            await self._driver.delete(path)

    def file_for(self, path: str) -> Path | None:
        check_path(self.name, path)
        return self._driver.file_for(path)

    async def url_for(self, path: str, lifetime_s: int, method: str) -> str | None:
        check_path(self.name, path)
        with self._watched("url_for"), self._named(path):
            url = await self._driver.url_for(path, lifetime_s, method)
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

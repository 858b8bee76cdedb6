"""Any order of a driver's verbs, by two processes in turn, does what two dictionaries do.

Finished files and unfinished ones have folders of their own here: on a file system an unfinished
file shows, on object stores it does not, and both are right.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from layerstore.clock import SystemClock
from layerstore.storage.driver import InvalidOffset, PathNotFound, StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver

FILES = ("/a/b", "/a/c/d", "/a/c-d", "/a-b/x", "/a.b", "/ab", "/b/_/-")
FOLDERS = ("/", "/a", "/a/c", "/a-b", "/b", "/none")
SESSIONS = ("/u/1/data", "/u/2/data", "/u-1/data")

CHUNKS = st.lists(st.binary(max_size=20), max_size=3)
FILE = st.sampled_from(FILES)
SESSION = st.sampled_from(SESSIONS)
PROCESS = st.integers(0, 1)

T = TypeVar("T")


class BodyBroken(Exception):
    """What a client's vanishing is, here."""


async def body(chunks: list[bytes], is_whole: bool = True) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if not is_whole:
        raise BodyBroken


async def all_of(items: AsyncIterator[T]) -> list[T]:
    return [item async for item in items]


def is_below(folder: str, path: str) -> bool:
    return folder == "/" or path.startswith(f"{folder}/")


def order(path: str) -> list[str]:
    return path.split("/")


class Driver(RuleBasedStateMachine):
    """Two drivers over one place, beside the finished and the unfinished bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = ExitStack()
        self.drivers = self.open_twice()
        self.finished: dict[str, bytes] = {}
        self.unfinished: dict[str, bytes] = {}

    def open_twice(self) -> tuple[StorageDriver, StorageDriver]:
        raise NotImplementedError

    def teardown(self) -> None:
        self.runner.close()
        self.opened.close()

    def expect_absent(self, action: Coroutine[Any, Any, object]) -> None:
        with pytest.raises(PathNotFound):
            self.runner.run(action)

    @rule(process=PROCESS, path=FILE, content=st.binary(max_size=20), durable=st.booleans())
    def put(self, process: int, path: str, content: bytes, durable: bool) -> None:
        self.runner.run(self.drivers[process].put(path, content, durable=durable))
        self.finished[path] = content

    @rule(process=PROCESS, path=FILE, chunks=CHUNKS, is_whole=st.booleans())
    def put_chunks(self, process: int, path: str, chunks: list[bytes], is_whole: bool) -> None:
        try:
            self.runner.run(self.drivers[process].put(path, body(chunks, is_whole)))
        except BodyBroken:
            assert not is_whole
        else:
            assert is_whole
            self.finished[path] = b"".join(chunks)

    @rule(process=PROCESS, path=SESSION)
    def begin(self, process: int, path: str) -> None:
        self.runner.run(self.drivers[process].begin(path))
        self.unfinished[path] = b""

    @rule(process=PROCESS, path=SESSION, chunks=CHUNKS, is_whole=st.booleans())
    def append(self, process: int, path: str, chunks: list[bytes], is_whole: bool) -> None:
        """At the end; the body may break off, and what came before that stays."""
        held = self.unfinished.get(path)
        appending = self.drivers[process].append(path, len(held or b""), body(chunks, is_whole))
        with suppress(BodyBroken, InvalidOffset):
            size = self.runner.run(appending)
            assert is_whole
            assert held is not None
            assert size == len(held + b"".join(chunks))
        if held is not None:
            self.unfinished[path] = held + b"".join(chunks)

    @rule(process=PROCESS, path=SESSION, past=st.integers(1, 3), content=st.binary(max_size=20))
    def append_elsewhere(self, process: int, path: str, past: int, content: bytes) -> None:
        held = self.unfinished.get(path)
        at = len(held or b"") + past
        with pytest.raises(InvalidOffset) as raised:
            self.runner.run(self.drivers[process].append(path, at, body([content])))
        assert raised.value.size == (None if held is None else len(held))

    @rule(process=PROCESS, path=SESSION)
    def drop(self, process: int, path: str) -> None:
        self.runner.run(self.drivers[process].drop(path))
        self.unfinished.pop(path, None)

    @rule(process=PROCESS, path=SESSION, more=st.integers(0, 1))
    def drop_by_size(self, process: int, path: str, more: int) -> None:
        """With the size that it has, or with another one, with which it stays."""
        held = self.unfinished.get(path)
        dropping = self.drivers[process].drop(path, len(held or b"") + more)
        if held is not None and not more:
            self.runner.run(dropping)
            del self.unfinished[path]
            return
        with pytest.raises(InvalidOffset) as raised:
            self.runner.run(dropping)
        assert raised.value.size == (None if held is None else len(held))

    @rule(process=PROCESS, source=SESSION, onto=FILE, more=st.integers(0, 1))
    def finish_and_move(self, process: int, source: str, onto: str, more: int) -> None:
        """With the size that it has, or with another one, after which it is dropped."""
        driver = self.drivers[process]
        if source not in self.unfinished:
            self.expect_absent(driver.finish(source))
            self.expect_absent(driver.move(source, onto))
            return
        content = self.unfinished.pop(source)
        self.runner.run(driver.finish(source))
        if more:
            with pytest.raises(InvalidOffset):
                self.runner.run(driver.move(source, onto, len(content) + more))
            self.runner.run(driver.delete(source))
        else:
            self.runner.run(driver.move(source, onto, len(content)))
            self.finished[onto] = content

    @rule(process=PROCESS, source=FILE, onto=FILE)
    def move(self, process: int, source: str, onto: str) -> None:
        if source not in self.finished:
            self.expect_absent(self.drivers[process].move(source, onto))
        elif source != onto:
            self.runner.run(self.drivers[process].move(source, onto))
            self.finished[onto] = self.finished.pop(source)

    @rule(process=PROCESS, path=st.sampled_from(FILES + FOLDERS[1:] + SESSIONS + ("/u",)))
    def delete(self, process: int, path: str) -> None:
        self.runner.run(self.drivers[process].delete(path))
        for held in (self.finished, self.unfinished):
            for gone in [found for found in held if found == path or is_below(path, found)]:
                del held[gone]

    @rule(process=PROCESS, path=FILE, start=st.integers(0, 25), end=st.integers(0, 25) | st.none())
    def read(self, process: int, path: str, start: int, end: int | None) -> None:
        reading = all_of(self.drivers[process].read(path, start, end))
        if path in self.finished:
            assert b"".join(self.runner.run(reading)) == self.finished[path][start:end]
        else:
            self.expect_absent(reading)

    @rule(process=PROCESS, folder=st.sampled_from(FOLDERS), after=FILE | st.just(""))
    def walk(self, process: int, folder: str, after: str) -> None:
        walked = self.runner.run(all_of(self.drivers[process].walk(folder, after)))
        expected = [
            (path, len(self.finished[path]))
            for path in sorted(self.finished, key=order)
            if is_below(folder, path) and order(path) > order(after)
        ]
        assert expected == [(path, info.size) for path, info in walked if path in FILES]
        assert all(path in FILES or path in self.unfinished for path, _ in walked)

    @rule(process=PROCESS, folder=st.sampled_from(FOLDERS), after=st.sampled_from(["", "a", "b"]))
    def names(self, process: int, folder: str, after: str) -> None:
        """A file system may show folders that have become empty, and nothing else."""
        driver = self.drivers[process]
        names = self.runner.run(all_of(driver.names(folder, after)))
        depth = 1 if folder == "/" else len(order(folder))
        below = {order(path)[depth] for path in self.finished if is_below(folder, path)}
        expected = {name for name in below if name > after}
        assert names == sorted(set(names))
        assert expected <= set(names)
        assert all(name > after for name in names)
        for name in set(names) - expected:
            assert self.runner.run(driver.stat(f"{folder.rstrip('/')}/{name}")).is_dir

    @invariant()
    def what_is_finished_is_there_and_nothing_else(self) -> None:
        for number, path in enumerate(FILES):
            driver = self.drivers[number % 2]
            if path in self.finished:
                content = self.finished[path]
                assert self.runner.run(driver.get(path)) == content
                assert self.runner.run(driver.stat(path)).size == len(content)
            else:
                self.expect_absent(driver.get(path))

    @invariant()
    def every_unfinished_file_stands_where_it_should(self) -> None:
        for number, path in enumerate(SESSIONS):
            content = self.unfinished.get(path)
            size = self.runner.run(self.drivers[number % 2].pending(path))
            assert size == (None if content is None else len(content))


class OnTheFileSystem(Driver):
    def open_twice(self) -> tuple[StorageDriver, StorageDriver]:
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory()))
        first, second = (FilesystemDriver(folder, SystemClock()) for _ in range(2))
        self.opened.enter_context(closing(first))
        self.opened.enter_context(closing(second))
        return first, second


class InMemory(Driver):
    def open_twice(self) -> tuple[StorageDriver, StorageDriver]:
        driver = MemoryDriver(SystemClock())
        return driver, driver


TestOnTheFileSystem = OnTheFileSystem.TestCase
TestOnTheFileSystem.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestInMemory = InMemory.TestCase
TestInMemory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

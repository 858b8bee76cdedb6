"""Keys that one mutation holds at a time."""

import asyncio
import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.registry.locks import FileLocks, Locks, ProcessLocks
from tests.fakes import FakeClock
from tests.processes import open_files, wait_until

NAME = Name("a")
DIGEST = Digest.of(b"")
TAGS = [Tag("one"), Tag("two")]


@pytest.fixture(params=["process", "files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Locks]:
    shared = ProcessLocks()
    if request.param == "files":
        return lambda: FileLocks(tmp_path / "locks", SystemClock())  # who holds one needs threads
    return lambda: shared


def test_one_holder_at_a_time(make: Callable[[], Locks]) -> None:
    async def story() -> None:
        inside: list[int] = []
        most = 0

        async def hold(locks: Locks, number: int) -> None:
            nonlocal most
            async with locks.digest(NAME, DIGEST), locks.tags(NAME, TAGS):
                inside.append(number)
                most = max(most, len(inside))
                await asyncio.sleep(0)
                inside.remove(number)

        await asyncio.gather(*(hold(make(), number) for number in range(8)))
        assert most == 1

    asyncio.run(story())


def test_digests_and_tags_do_not_wait_for_each_other(make: Callable[[], Locks]) -> None:
    async def story() -> None:
        for tag in range(600):
            async with make().digest(NAME, DIGEST), make().tags(NAME, [Tag(str(tag))]):
                pass
        async with make().tags(NAME, [Tag(str(tag)) for tag in range(600)]):
            pass

    asyncio.run(story())


def test_a_key_is_free_again_when_its_holder_failed(make: Callable[[], Locks]) -> None:
    async def story() -> None:
        with pytest.raises(RuntimeError):
            async with make().digest(NAME, DIGEST):
                raise RuntimeError
        async with make().digest(NAME, DIGEST):
            pass

    asyncio.run(story())


def test_waiting_has_an_end(tmp_path: Path) -> None:
    async def story() -> None:
        one, two = (FileLocks(tmp_path / "locks", FakeClock()) for _ in range(2))
        async with one.digest(NAME, DIGEST):
            with pytest.raises(Unavailable) as refused:
                async with two.digest(NAME, DIGEST):
                    pass
        assert refused.value.retry_after

    asyncio.run(story())


def test_the_lock_file_stays_open_for_the_next_one_and_no_longer_than_the_locks(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        locks = FileLocks(tmp_path / "locks", FakeClock())
        for tag in range(100):
            async with locks.digest(NAME, DIGEST), locks.tags(NAME, [Tag(str(tag))]):
                assert open_files(tmp_path) == 1
        assert open_files(tmp_path) == 1
        del locks
        wait_until(lambda: open_files(tmp_path) == 0, "the thread that opened lets go as well")

    asyncio.run(story())


def test_others_are_kept_out_of_what_is_held_and_of_nothing_else(tmp_path: Path) -> None:
    async def story() -> None:
        one, other = (FileLocks(tmp_path / "locks", FakeClock()) for _ in range(2))
        async with one.tags(NAME, TAGS):
            async with other.digest(NAME, DIGEST), other.tags(NAME, [Tag("three")]):
                pass
            for tag in TAGS:
                with pytest.raises(Unavailable):
                    async with other.tags(NAME, [Tag("three"), tag]):
                        pass
        async with other.tags(NAME, [*TAGS, Tag("three")]):
            pass

    asyncio.run(story())


@pytest.fixture(params=["of an open file", "of a process"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks that the system knows: some sandboxes know the older ones alone."""
    known = fcntl.fcntl

    def older(file: int, command: int, wanted: bytes) -> bytes | int:
        if command == fcntl.F_OFD_SETLK:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return known(file, command, wanted)

    if request.param == "of a process":
        monkeypatch.setattr(fcntl, "fcntl", older)


@pytest.mark.usefixtures("kind")
def test_a_process_that_dies_holds_nothing(tmp_path: Path) -> None:
    """Killed while it holds the lock, as a worker may be."""
    program = f"""
import asyncio, pathlib
from layerstore.clock import SystemClock
from layerstore.oci.name import Name, Tag
from layerstore.registry.locks import FileLocks
async def hold():
    async with FileLocks(pathlib.Path({str(tmp_path / "locks")!r}), SystemClock()).tags(
        Name("a"), [Tag("one")]
    ):
        print("held", flush=True)
        await asyncio.Event().wait()
asyncio.run(hold())
"""

    async def story() -> None:
        locks = FileLocks(tmp_path / "locks", FakeClock())
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(Unavailable):
                async with locks.tags(NAME, [Tag("one")]):
                    pass
            holder.kill()
            holder.wait()
            async with locks.tags(NAME, [Tag("one")]):
                pass

    asyncio.run(story())


def test_a_lock_file_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    """Who kept the old one open would hold a lock that nobody else sees."""

    async def story() -> None:
        one, other = (FileLocks(tmp_path / "locks", FakeClock()) for _ in range(2))
        async with one.digest(NAME, DIGEST):
            pass
        shutil.rmtree(tmp_path / "locks")
        async with one.digest(NAME, DIGEST):
            with pytest.raises(Unavailable):
                async with other.digest(NAME, DIGEST):
                    pass

    asyncio.run(story())

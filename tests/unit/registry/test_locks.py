"""Keys that one mutation holds at a time."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unavailable
from layerstore.oci.name import Name, Tag
from layerstore.registry.locks import KEPT_OPEN, FileLocks, Locks, ProcessLocks
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


def test_a_lock_file_stays_open_for_the_next_one_and_no_longer_than_the_locks(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        locks = FileLocks(tmp_path / "locks", FakeClock())
        for _ in range(3):
            async with locks.digest(NAME, DIGEST), locks.tags(NAME, TAGS):
                assert open_files(tmp_path) == 3
        assert open_files(tmp_path) == 3
        for tag in range(1000):
            async with locks.tags(NAME, [Tag(str(tag))]):
                pass
        assert open_files(tmp_path) == KEPT_OPEN
        del locks
        wait_until(lambda: open_files(tmp_path) == 0, "the thread that opened lets go as well")

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

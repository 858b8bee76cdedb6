"""The recorded story, and every state in which a power failure may leave it."""

from __future__ import annotations

import asyncio
import random  # noqa: TID251  # seeded, so that a failing state can be built again
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from layerstore.clock import Clock
from layerstore.storage.filesystem import FilesystemDriver
from tests.faults.crash_checks import wrong_with
from tests.faults.crash_story import STEPS, Claims, Ledger, Opened, Step, World
from tests.faults.recording import (
    Event,
    Made,
    Noted,
    Recorder,
    Renamed,
    Synced,
    Written,
    tree_below,
)
from tests.faults.replay import (
    ALL_REMAINS,
    Disk,
    Remains,
    Tree,
    nothing_unsynced,
    only_the_latest,
    zeros_unsynced,
)

SEED: Final = 20150114
MEMORY_DISK: Final = Path("/dev/shm")


class Recorded(NamedTuple):
    """What a story did, what it left, and what each upload was begun for.

    Where the registry knew that the disk `keeps_order`, only such a disk is imagined.
    """

    events: Sequence[Event]
    left: Tree
    intended: Mapping[str, bytes]
    keeps_order: bool = False

    @property
    def written(self) -> frozenset[bytes]:
        """All that was ever written at once."""
        return frozenset(event.content for event in self.events if isinstance(event, Written))


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory, where there is such a disk: what a sync does is judged by a model."""
    with tempfile.TemporaryDirectory(
        dir=MEMORY_DISK if MEMORY_DISK.is_dir() else otherwise
    ) as name:
        yield Path(name)


def record(
    root: Path, steps: Sequence[Step] = STEPS, driver: Opened = FilesystemDriver
) -> Recorded:
    """Let the steps happen on the empty folder `root`, whose driver is opened by `driver`."""
    with Recorder(root) as recorder:
        ledger = Ledger(tell=recorder.note)
        with closing(World(root, ledger, SEED, driver=driver)) as world:
            asyncio.run(_happen(world, recorder, steps))
    return Recorded(recorder.events, Tree(tree_below(root)), world.intended)


def record_on(root: Path, keeps_order: bool) -> Recorded:
    """The whole story on the empty folder `root`, whose disk is said to keep the order of names."""

    def on_such_a_disk(root: Path, clock: Clock) -> FilesystemDriver:
        return FilesystemDriver(root, clock, keeps_order=lambda _: keeps_order)

    return record(root, driver=on_such_a_disk)._replace(keeps_order=keeps_order)


async def _happen(world: World, recorder: Recorder, steps: Sequence[Step]) -> None:
    for step in steps:
        recorder.note(step)
        await step(world)


@dataclass(frozen=True)
class Moment:
    """The power may fail here: the disk, what is acknowledged, what is under way."""

    number: int
    disk: Disk
    claims: Claims
    step: Step


def moments(events: Sequence[Event], since: int = 0) -> Iterator[Moment]:
    """Each moment at which a disk may hold what it could not hold before, from event `since` on.

    After a sync it can hold less only, and what has a temporary name is looked at by nobody until
    it gets another one; so behind such calls there is no moment of its own.
    """
    disk = Disk()
    temporary: set[int] = set()
    claims: Claims = {}
    step = STEPS[0]
    for number, event in enumerate(events):
        disk.live_through(event)
        match event:
            case Synced():
                continue
            case Made() if event.name.endswith(".tmp"):
                temporary.add(event.number)
                continue
            case Written() if event.number in temporary:
                continue
            case Renamed():
                named = disk.number_of(event.to_folder, event.to_name)
                temporary -= {named}
            case Noted(remark) if isinstance(remark, Mapping):
                claims = remark
            case Noted(remark):
                step = remark
                continue
        if number >= since:
            yield Moment(number, disk, claims, step)


class Depth(NamedTuple):
    """How many states are tried at each moment.

    Of the last `loose` unsynced changes of names every choice is tried, and with each of them each
    of `remains` for the bytes; with None they are kept in their order only.
    """

    loose: int | None
    remains: Sequence[Remains]

    def on(self, recorded: Recorded) -> Depth:
        """The same for the disks on which the story may have happened."""
        return self._replace(loose=None) if recorded.keeps_order else self


SHALLOW: Final = Depth(0, (nothing_unsynced, zeros_unsynced))
USUAL: Final = Depth(2, (nothing_unsynced, zeros_unsynced, only_the_latest))
DEEP: Final = Depth(5, ALL_REMAINS)


class State(NamedTuple):
    """One of the states in which a power failure may leave the disk."""

    moment: Moment
    tree: Tree


def states(
    events: Sequence[Event], depth: Depth, seed: int = SEED, since: int = 0
) -> Iterator[State]:
    """All states, each once for what is acknowledged at its moment."""
    chance = random.Random(seed)
    seen: set[tuple[int, int]] = set()
    for moment in moments(events, since):
        told = id(moment.claims)
        for tree in moment.disk.after_power_failure(depth.loose, depth.remains, chance):
            key = (told, hash(frozenset(tree.items())))
            if key not in seen:
                seen.add(key)
                yield State(moment, tree)


def failures(
    tried: Iterable[State], written: frozenset[bytes] = frozenset()
) -> Iterator[tuple[State, str]]:
    """Each way in which one of the states is not what the registry promises."""
    for state in tried:
        for reason in wrong_with(state.tree, state.moment.claims, written):
            yield state, reason


def first_failure(
    events: Sequence[Event], depth: Depth, written: frozenset[bytes] = frozenset(), since: int = 0
) -> str | None:
    """The first thing that is wrong in any state; None when all are right."""
    for state, reason in failures(states(events, depth, since=since), written):
        return f"event {state.moment.number}, {state.moment.step.__name__}: {reason}"
    return None

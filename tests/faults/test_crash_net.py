"""The net holds: whichever sync is left out, whichever two writes change places, a state is wrong.

What a program does when a sync is left out is what it did before, so these mutants are made of the
recording: without the syncs of one line of the code, without one single sync, with two calls
exchanged. Where the registry itself exchanges two writes, it is run with a driver that does so.
"""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that the same mutants are chosen again
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from tests.faults import crash_story as story
from tests.faults.counts import IS_LONG, Counted
from tests.faults.crash_checks import before, recognised
from tests.faults.crash_points import (
    SEED,
    SHALLOW,
    USUAL,
    Recorded,
    first_failure,
    quick_folder,
    record,
    record_on,
)
from tests.faults.crash_story import Step, World
from tests.faults.crash_swaps import Change, SwappingDriver
from tests.faults.recording import Event, Removed, Renamed, Synced, Written
from tests.faults.replay import Disk, Tree

SINGLE_SYNCS: Final = 60 if IS_LONG else 30
"""How many single syncs are left out, one at a time."""

NEEDED_MIN: Final = 0.5
"""The share of single syncs that must be needed.

Over the whole story it is three quarters: the others make sure of what is synced already, or of
what only spares work after the failure. The bound is lower by far more than a sample strays.
"""


NEVER: Final = -1


@pytest.fixture(scope="module", params=[False, True], ids=["any-disk", "disk-that-keeps-order"])
def recorded(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Recorded]:
    with quick_folder(tmp_path_factory.mktemp("story")) as root:
        yield record_on(root, request.param)


def found_wrong(recorded: Recorded, events: Sequence[Event], since: int = 0) -> str | None:
    """The first thing that is wrong in a mutant; the few likely states are looked at first."""
    written = recorded.written
    likely = first_failure(events, SHALLOW.on(recorded), written, since)
    return likely or first_failure(events, USUAL.on(recorded), written, since)


def test_every_line_that_syncs_is_needed(recorded: Recorded, counted: Counted) -> None:
    needless = []
    for site in sorted({event.site for event in recorded.events if isinstance(event, Synced)}):
        first = next(at for at, each in enumerate(recorded.events) if _syncs_at(each, site))
        mutant = [each for each in recorded.events if not _syncs_at(each, site)]
        wrong = found_wrong(recorded, mutant, since=first)
        print(f"without {site}: {wrong}")
        needless += [site] if wrong is None else []
        counted("lines of code without their sync")
    assert not [site for site in needless if not (recorded.keeps_order and _is_brought(site))]


def _is_brought(site: str) -> bool:
    """Whether on a disk that keeps the order a later sync of the story does as well."""
    return site.startswith(("durable.Disk._discard:", "durable.Disk._settle_absence:"))


def _syncs_at(event: Event, site: str) -> bool:
    return isinstance(event, Synced) and event.site == site


def test_most_single_syncs_are_needed(recorded: Recorded, counted: Counted) -> None:
    syncs = [number for number, each in enumerate(recorded.events) if isinstance(each, Synced)]
    chosen = random.Random(SEED).sample(syncs, min(SINGLE_SYNCS, len(syncs)))
    needed = 0
    for number in chosen:
        mutant = [*recorded.events[:number], *recorded.events[number + 1 :]]
        wrong = first_failure(mutant, SHALLOW.on(recorded), recorded.written, since=number)
        print(f"without {number}, {recorded.events[number].site}: {wrong}")
        needed += wrong is not None
        counted("single syncs left out")
    assert needed >= NEEDED_MIN * len(chosen)


def test_no_two_calls_may_change_places(recorded: Recorded, counted: Counted) -> None:
    """Writing and syncing a file, syncing and naming it, naming it and syncing its folder."""
    harmless = []
    places = _neighbours(recorded.events)
    pairs = {_sites(recorded.events, at) for at in places}
    for pair in sorted(pairs):
        there = [at for at in places if _sites(recorded.events, at) == pair]
        wrong = found_wrong(recorded, _exchanged(recorded.events, there), since=there[0])
        print(f"{pair[1]} before {pair[0]}: {wrong}")
        harmless += [pair] if wrong is None else []
        counted("pairs of calls exchanged")
    assert len(pairs) > len(["write, sync", "sync, rename", "rename, sync", "unlink, sync"])
    assert not harmless


def _neighbours(events: Sequence[Event]) -> list[int]:
    """Where a call and the next one are about one file, or about a name and its folder."""
    disk, places = Disk(), []
    for at, (first, second) in enumerate(pairwise(events)):
        disk.live_through(first)
        if _belong_together(disk, first, second):
            places.append(at)
    return places


def _belong_together(disk: Disk, first: Event, second: Event) -> bool:
    match first, second:
        case Written(), Synced():
            return first.number == second.number
        case Synced(), Renamed():
            is_thrown_away = second.site.startswith("durable.Disk._discard")
            return not is_thrown_away and first.number == disk.number_of(second.folder, second.name)
        case Renamed(), Synced():
            return second.number == first.to_folder
        case Removed(), Synced():
            return second.number == first.folder and not first.name.endswith(".tmp")
    return False


def _sites(events: Sequence[Event], at: int) -> tuple[str, str]:
    return events[at].site, events[at + 1].site


def _exchanged(events: Sequence[Event], places: Sequence[int]) -> list[Event]:
    """The events, each of these places' exchanged with the next one."""
    mutant = list(events)
    for at in places:
        mutant[at], mutant[at + 1] = events[at + 1], events[at]
    return mutant


async def push(world: World) -> None:
    await world.push_image(story.ALPINE, "swapped", story.LATEST, layer=story.LAYER)


PUSHED: Final[Sequence[Step]] = (story.push_in_chunks, story.push_whole_into_session)
SWAPS: Final[dict[str, tuple[Step, Sequence[Step]]]] = {
    "push": (push, ()),
    "chunks": (story.push_in_chunks, ()),
    "referrer": (story.push_referrer, (*PUSHED, story.push_first)),
    "signed": (story.push_signed, ()),
    "delete": (story.push_signed_over_and_delete, (story.push_signed,)),
    "manifests": (
        story.delete_manifests,
        (*PUSHED, story.push_first, story.retag, story.push_index, story.push_referrer),
    ),
}


@pytest.mark.parametrize("name", SWAPS)
def test_no_two_writes_may_change_places(name: str, tmp_path: Path, counted: Counted) -> None:
    """Wherever I3 sets an order between neighbours."""
    step, earlier = SWAPS[name]
    was, _ = _recorded(earlier, NEVER, tmp_path)
    recorded, changes = _recorded([*earlier, step], NEVER, tmp_path)
    ordered = [
        at
        for at, (first, second) in enumerate(pairwise(changes))
        if _is_ordered(first, second, was.left, recorded.left)
    ]
    for at in ordered:
        mutant, _ = _recorded([*earlier, step], at, tmp_path)
        wrong = found_wrong(mutant, mutant.events)
        print(f"{changes[at + 1].path} before {changes[at].path}: {wrong}")
        assert wrong is not None, changes[at : at + 2]
        counted("pairs of writes exchanged")
    assert ordered


def _recorded(steps: Sequence[Step], at: int, tmp_path: Path) -> tuple[Recorded, Sequence[Change]]:
    """The steps with the change number `at` made behind the next one, and all changes."""
    opened: list[SwappingDriver] = []

    def swapping(root: Path, clock: Clock) -> SwappingDriver:
        opened.append(SwappingDriver(root, clock, at))
        return opened[-1]

    with quick_folder(tmp_path) as root:
        recorded = record(root, steps, swapping)
    return recorded, opened[0].changes


def _is_ordered(first: Change, second: Change, was: Tree, left: Tree) -> bool:
    """Whether what comes second needs the first, or what goes first needs the second."""
    if first.is_removal != second.is_removal or f"{first.path}/".startswith(f"{second.path}/"):
        return False
    if first.is_removal:
        going = [path for path in was if f"{path}/".startswith(f"{first.path}/")]
        return any(_needs(was, path, second.path) for path in going)
    return _needs(left, second.path, first.path)


def _needs(tree: Tree, path: str, other: str) -> bool:
    found, content = recognised(path), tree.get(path)
    if found is None or content is None or not path.endswith("/link"):
        return False
    needed = before(tree, found, Digest.parse(content.decode()))
    return any(f"{each.path}/".startswith(f"{other}/") for each in needed)

"""The power fails after any call of a registry at work: what it acknowledged is there."""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that the same states are chosen again
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.faults.counts import IS_LONG, Counted
from tests.faults.crash_points import (
    DEEP,
    SEED,
    USUAL,
    Recorded,
    State,
    failures,
    moments,
    quick_folder,
    record_on,
    states,
)
from tests.faults.crash_rebuilt import build, wrong_after_restart
from tests.faults.recording import Noted
from tests.faults.replay import Disk

RESTARTS = 1000 if IS_LONG else 60


@pytest.fixture(scope="module", params=[False, True], ids=["any-disk", "disk-that-keeps-order"])
def recorded(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Recorded]:
    """The whole story, once for each kind of disk."""
    with quick_folder(tmp_path_factory.mktemp("story")) as root:
        yield record_on(root, request.param)


def test_the_recording_misses_nothing(recorded: Recorded, counted: Counted) -> None:
    disk = Disk()
    for event in recorded.events:
        disk.live_through(event)
    assert disk.whole() == recorded.left
    counted("calls recorded", sum(not isinstance(event, Noted) for event in recorded.events))


def test_after_a_power_failure_at_any_call_everything_acknowledged_is_there(
    recorded: Recorded, counted: Counted
) -> None:
    depth = (DEEP if IS_LONG else USUAL).on(recorded)
    print(f"seed {SEED}, every choice among the last {depth.loose} unsynced changes of names")

    def told(tried: Iterable[State]) -> Iterator[State]:
        for state in tried:
            counted("states after a power failure")
            yield state

    wrong = list(failures(told(states(recorded.events, depth)), recorded.written))
    assert not wrong, [reason for _, reason in wrong[:5]]
    counted("moments of a power failure", sum(1 for _ in moments(recorded.events)))


async def test_on_whatever_is_left_a_registry_starts_serves_and_goes_on(
    recorded: Recorded, quick_disk: Path, counted: Counted
) -> None:
    for number, state in enumerate(_chosen(recorded, RESTARTS)):
        root = quick_disk / str(number)
        root.mkdir()
        build(root, state.tree)
        moment = state.moment
        wrong = [each async for each in wrong_after_restart(root, state, recorded.intended)]
        assert not wrong, f"event {moment.number}, {moment.step.__name__}: {wrong[0]}"
        counted("registries started after a power failure")
        shutil.rmtree(root)


def _chosen(recorded: Recorded, count: int) -> list[State]:
    """So many different states by chance, in their order."""
    different = {
        hash(frozenset(s.tree.items())): s for s in states(recorded.events, USUAL.on(recorded))
    }
    print(f"{count} of {len(different)} states, seed {SEED}")
    chosen = random.Random(SEED).sample(list(different.values()), min(count, len(different)))
    return sorted(chosen, key=lambda state: state.moment.number)

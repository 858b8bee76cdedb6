"""A process is killed in the middle of a step, another one does the step again, the power fails.

What the second one finds done already may stand on no disk yet: whoever was killed did not live to
sync it. Once the second one has answered, it must stand there all the same.
"""

from __future__ import annotations

import asyncio
import random  # noqa: TID251  # seeded, so that a failing call can be found again
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults import crash_story as story
from tests.faults.counts import IS_LONG, Counted
from tests.faults.crash_points import DEEP, SEED, USUAL, failures, states
from tests.faults.crash_story import Ledger, Step, World
from tests.faults.recording import Ended, Event, Recorder

KILLS: int | None = None if IS_LONG else 8
"""At how many of its calls a step is killed; None: at every one."""


class Case(NamedTuple):
    """What was there before, and the step in which a process is killed."""

    step: Step
    before: Sequence[Step] = ()


async def push(world: World) -> None:
    await world.push_image(story.ALPINE, "killed", story.LATEST, layer=story.LAYER)


async def push_same_layer(world: World) -> None:
    await world.push_image(story.ALPINE, "other", story.LATEST, layer=story.LAYER)


PUSHED = (story.push_in_chunks, story.push_whole_into_session)
CASES = {
    "push": Case(push),
    "chunks": Case(story.push_in_chunks),
    "retag": Case(push, (push_same_layer,)),
    "mount": Case(story.mount, PUSHED),
    "referrer": Case(story.push_referrer, (*PUSHED, story.push_first)),
    "signed": Case(story.push_signed),
    "delete": Case(story.delete_repository, (*PUSHED, story.mount)),
    "manifests": Case(
        story.delete_manifests, (*PUSHED, story.push_first, story.retag, story.push_index)
    ),
    "again": Case(story.push_signed_over_and_delete, (story.push_signed,)),
}


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "warm"])
@pytest.mark.parametrize("name", CASES)
def test_what_a_killed_process_left_is_durable_once_another_has_answered(
    name: str, warm: bool, quick_disk: Path, counted: Counted
) -> None:
    case = CASES[name]
    depth = DEEP if IS_LONG else USUAL
    for call in _calls(case, quick_disk):
        events = _recorded(case, call, quick_disk / str(call), warm=warm)
        wrong = [reason for _, reason in failures(states(events, depth, since=len(events) - 1))]
        assert not wrong, f"killed at call {call}: {wrong[0]}"
        counted("kills followed by a power failure")


def _calls(case: Case, disk: Path) -> Iterator[int]:
    """The calls at which the step is killed: all of them, or some by chance."""
    count = _count(case, disk / "count")
    print(f"{count} calls, seed {SEED}")
    if KILLS is None or count <= KILLS:
        return iter(range(count))
    return iter(sorted(random.Random(SEED).sample(range(count), KILLS)))


def _count(case: Case, root: Path) -> int:
    """How many calls the step makes that change files or sync them."""
    root.mkdir()
    with Recorder(root) as recorder, closing(World(root, Ledger(), SEED)) as world:
        asyncio.run(_all(world, case.before))
        before = recorder.calls
        asyncio.run(_all(world, [case.step]))
        return recorder.calls - before


def _recorded(case: Case, call: int, root: Path, *, warm: bool) -> Sequence[Event]:
    """Everything up to the answer of the second process.

    If it is warm it did itself what was before, and knows which folders it has synced.
    """
    root.mkdir()
    with Recorder(root) as recorder:
        ledger = Ledger(tell=recorder.note)
        with closing(World(root, ledger, SEED)) as first:
            second = World(root, ledger, SEED + 1) if warm else None
            asyncio.run(_all(second or first, case.before))
            _kill(first, recorder, case.step, call)
        with closing(second or World(root, ledger, SEED + 1)) as other:
            asyncio.run(_all(other, [case.step]))
            recorder.note(dict(ledger.claims))
    shutil.rmtree(root)
    return recorder.events


def _kill(world: World, recorder: Recorder, step: Step, call: int) -> None:
    with recorder.ending_at(call), pytest.raises((Ended, BaseExceptionGroup)):
        asyncio.run(_all(world, [step]))


async def _all(world: World, steps: Sequence[Step]) -> None:
    for step in steps:
        await step(world)

"""Real clients at work while workers and the whole server are killed: nothing is lost."""

from __future__ import annotations

import os
import random  # noqa: TID251  # seeded, so that a storm can be made again
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.faults.counts import IS_LONG, Counted
from tests.faults.crash_checks import wrong_with
from tests.faults.recording import tree_below
from tests.faults.replay import Tree
from tests.faults.storm import CraneActor, Crowd, RawActor, SkopeoActor, Victim
from tests.processes import short_folder, tail
from tests.programs import need
from tests.programs.tool import Tool

STRIKES: Final = 200 if IS_LONG else 10
PAUSE_SECONDS: Final = 60.0 if IS_LONG else 2.0
KINDS: Final = {"a worker": 11, "a worker twice": 5, "the server": 2, "a pause": 2}
"""How often each of the strikes comes, in proportion."""


@pytest.fixture
def seed() -> int:
    """LAYERSTORE_SEED of the environment makes a storm again."""
    given = os.environ.get("LAYERSTORE_SEED")
    chosen = int(given) if given else random.SystemRandom().randrange(1 << 32)
    print(f"LAYERSTORE_SEED={chosen}")
    return chosen


@pytest.fixture
def victim(quick_disk: Path) -> Iterator[Victim]:
    victim = Victim(quick_disk)
    victim.start()
    yield victim
    victim.stop()
    print(tail(victim.log))


@pytest.fixture
def crowd(victim: Victim, seed: int, tmp_path: Path) -> Iterator[Crowd]:
    """Two clients that speak HTTP themselves, crane and skopeo."""
    with short_folder("home") as home:
        environment = {"HOME": str(home), "DOCKER_CONFIG": str(home), "TMPDIR": str(home)}
        crane = Tool(need("crane"), environment=environment)
        skopeo = Tool(need("skopeo"), environment=environment)
        yield Crowd(
            [
                RawActor(victim.host, "storm/one", seed),
                RawActor(victim.host, "storm/two", seed),
                CraneActor(victim.host, "storm/crane", seed, crane, tmp_path / "crane"),
                SkopeoActor(victim.host, "storm/skopeo", seed, skopeo, tmp_path / "skopeo"),
            ]
        )


@pytest.mark.timeout(900)
def test_whatever_is_killed_every_acknowledged_manifest_pulls_with_every_byte(
    victim: Victim, crowd: Crowd, seed: int, counted: Counted
) -> None:
    chance = random.Random(seed)
    kinds = [*KINDS, *chance.choices(list(KINDS), list(KINDS.values()), k=STRIKES - len(KINDS))]
    with crowd:
        for kind in kinds:
            crowd.wait_for_work()
            strike(kind, victim, crowd, chance)
            counted(f"kill storms: {kind}")
        crowd.wait_for_work(len(crowd.actors))
        with victim.paused_worker(chance):
            crowd.wait_for_time(PAUSE_SECONDS)
        crowd.wait_for_work(len(crowd.actors))
    assert not crowd.wrong()
    for actor in crowd.actors:
        assert actor.done["push"], f"{actor.name} never got through"
        actor.assert_all_is_there()
    assert not list(wrong_with(Tree(tree_below(victim.root)), {}))
    for verb in ("push", "pull", "delete"):
        counted(f"kill storms: {verb} acknowledged", crowd.done(verb))


def test_a_storm_notices_what_is_lost(victim: Victim) -> None:
    actor = RawActor(victim.host, "storm/lost", 0)
    actor.push("one")
    actor.assert_all_is_there()
    blobs = (victim.root / "docker/registry/v2/blobs").rglob("data")
    max(blobs, key=lambda file: file.stat().st_size).unlink()
    with pytest.raises(AssertionError):
        actor.assert_all_is_there()


def strike(kind: str, victim: Victim, crowd: Crowd, chance: random.Random) -> None:
    match kind:
        case "a worker":
            victim.kill_worker(chance)
        case "a worker twice":
            victim.kill_worker_twice(chance)
        case "the server":
            victim.kill()
        case "a pause":
            with victim.paused_worker(chance):
                crowd.wait_for_time(chance.random())

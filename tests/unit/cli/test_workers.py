"""How the parent keeps its workers: they come, die, are exchanged, and leave."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from layerstore.cli import workers as kept
from layerstore.cli.orders import Orders, Plan, Source
from layerstore.cli.workers import KILL_AFTER_S, PAUSE_FIRST_S, Workers, slots_for
from layerstore.telemetry.logs import LogSettings
from layerstore.telemetry.page import Page
from tests.fakes import FakeClock
from tests.processes import wait_until

Numbers: TypeAlias = Callable[[], frozenset[int]]

COUNT = 2
DRAIN_S = 30.0
TREE = Path(__file__).parents[3]


def orders(told: str) -> Orders:
    """Which workers follow by behaving as they are told."""
    return Orders(
        source=Source(None, {}),
        workers=COUNT,
        page="",
        listeners=(),
        fields={},
        is_watched=False,
        plan=Plan("", told, DRAIN_S, LogSettings(), {}),
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(
    clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Workers]]:
    """Workers that pretend; whatever is left of them is killed at the end."""
    monkeypatch.setattr(kept, "_PROGRAM", PRETENDER)
    monkeypatch.setenv("PYTHONPATH", str(TREE))
    made: list[Workers] = []

    def make(told: str) -> Workers:
        page = Page.create(tmp_path / "page", slots_for(COUNT))
        made.append(Workers(orders(told), page, clock))
        made[0].start()
        return made[0]

    yield make
    (workers,) = made
    workers.leave()
    workers.kill()
    until(workers, lambda: workers.are_gone)


def until(workers: Workers, condition: Callable[[], bool]) -> None:
    """Look until it holds."""

    def holds() -> bool:
        workers.look()
        return condition()

    wait_until(holds, "what the workers should come to")


PRETENDER = "tests.unit.cli.pretender"


def children() -> frozenset[int]:
    own = os.getpid()
    return frozenset(map(int, Path(f"/proc/{own}/task/{own}/children").read_text().split()))


@pytest.fixture
def numbers() -> Numbers:
    """The workers that are there; the process of the tests may have other children before them."""
    others = children()
    return lambda: children() - others


def test_the_first_come_to_work(make: Callable[[str], Workers], numbers: Numbers) -> None:
    workers = make("works")
    assert workers.opened is None
    until(workers, lambda: workers.opened is not None)
    assert workers.opened
    until(workers, lambda: not list(workers.descriptors()))
    assert len(numbers()) == COUNT


def test_it_is_told_that_none_comes(make: Callable[[str], Workers]) -> None:
    workers = make("fails")
    until(workers, lambda: workers.opened is not None)
    assert not workers.opened
    assert workers.are_gone


def test_one_that_dies_is_replaced_at_once_and_later_the_next_time(
    make: Callable[[str], Workers], clock: FakeClock, numbers: Numbers
) -> None:
    workers = make("works")
    until(workers, lambda: not list(workers.descriptors()))
    first, second = numbers()
    os.kill(first, signal.SIGKILL)
    until(workers, lambda: first not in numbers() and len(numbers()) == COUNT)
    until(workers, lambda: not list(workers.descriptors()))
    (third,) = numbers() - {second}
    os.kill(third, signal.SIGKILL)
    until(workers, lambda: third not in numbers())
    assert numbers() == {second}
    assert workers.due() == pytest.approx(clock.monotonic() + PAUSE_FIRST_S)
    clock.pass_time(PAUSE_FIRST_S)
    until(workers, lambda: len(numbers()) == COUNT)


def test_all_are_exchanged_for_such_as_work(
    make: Callable[[str], Workers], numbers: Numbers
) -> None:
    workers, other = make("works"), orders("works")
    until(workers, lambda: not list(workers.descriptors()))
    before = numbers()
    workers.exchange(other)
    until(workers, lambda: not workers.is_exchanging)
    assert workers.orders is other
    until(workers, lambda: not before & numbers())
    assert len(numbers()) == COUNT


def test_those_who_work_stay_when_others_do_not(
    make: Callable[[str], Workers], numbers: Numbers
) -> None:
    workers = make("works")
    until(workers, lambda: not list(workers.descriptors()))
    before, standing = numbers(), workers.orders
    workers.exchange(orders("fails"))
    until(workers, lambda: not workers.is_exchanging)
    assert workers.orders is standing
    assert numbers() == before


def test_who_does_not_leave_in_time_is_killed(
    make: Callable[[str], Workers], clock: FakeClock
) -> None:
    workers = make("is deaf")
    until(workers, lambda: not list(workers.descriptors()))
    workers.leave()
    workers.look()
    assert not workers.are_gone
    assert workers.due() == pytest.approx(clock.monotonic() + DRAIN_S + KILL_AFTER_S)
    clock.pass_time(DRAIN_S + KILL_AFTER_S)
    until(workers, lambda: workers.are_gone)
    assert not workers.left_in_peace


def test_who_leaves_leaves_in_peace(make: Callable[[str], Workers]) -> None:
    workers = make("works")
    until(workers, lambda: not list(workers.descriptors()))
    workers.leave()
    until(workers, lambda: workers.are_gone)
    assert workers.left_in_peace

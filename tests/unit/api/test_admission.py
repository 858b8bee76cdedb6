"""Who is let in with a body, and who has to wait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from layerstore.api.admission import CountingGate, PageGate
from layerstore.api.exchange import UploadGate
from layerstore.telemetry.page import Page

ALICE, BOB = "192.0.2.1", "192.0.2.2"


@pytest.fixture(params=[CountingGate, lambda limit: PageGate(Page.private(), limit)])
def gate_of(request: pytest.FixtureRequest) -> Callable[[int], UploadGate]:
    """Makes a gate of either kind with a limit."""
    made: Callable[[int], UploadGate] = request.param
    return made


def test_a_client_is_let_in_up_to_the_limit(gate_of: Callable[[int], UploadGate]) -> None:
    gate = gate_of(2)
    assert [gate.enter(ALICE) for _ in range(3)] == [True, True, False]
    assert gate.enter(BOB)


def test_who_leaves_makes_room_for_one(gate_of: Callable[[int], UploadGate]) -> None:
    gate = gate_of(1)
    assert gate.enter(ALICE)
    gate.leave(ALICE)
    assert [gate.enter(ALICE) for _ in range(2)] == [True, False]


def test_who_was_refused_takes_no_room(gate_of: Callable[[int], UploadGate]) -> None:
    gate = gate_of(1)
    assert [gate.enter(ALICE) for _ in range(3)] == [True, False, False]
    gate.leave(ALICE)
    assert gate.enter(ALICE)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page"
    Page.create(path, 2)
    return path


def test_the_limit_is_that_of_all_workers_together(page: Path) -> None:
    one, other = (PageGate(Page.open(page, slot), 2) for slot in range(2))
    assert one.enter(ALICE)
    assert other.enter(ALICE)
    assert not one.enter(ALICE)
    assert not other.enter(ALICE)
    other.leave(ALICE)
    assert one.enter(ALICE)


def test_what_a_worker_had_let_in_is_forgotten_with_it(page: Path) -> None:
    one, other = (PageGate(Page.open(page, slot), 1) for slot in range(2))
    assert one.enter(ALICE)
    Page.open(page, 1).fold(0)
    assert other.enter(ALICE)

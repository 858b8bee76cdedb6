"""The page of memory that the parent and all workers see."""

import os
from pathlib import Path

import pytest

from layerstore.telemetry.page import GAUGES, Page, PageInvalid

REQUESTS, SENT, OTHER = 0, 7, 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "page"


def test_switches_are_seen_by_everybody(path: Path) -> None:
    parent = Page.create(path, 2)
    workers = [Page.open(path, slot) for slot in range(2)]
    assert not any(page.is_draining() or page.switched_off for page in workers)
    parent.drain()
    workers[1].switched_off = True
    assert all(page.is_draining() and page.switched_off for page in [parent, *workers])
    workers[0].switched_off = False
    assert not parent.switched_off


def test_counters_are_summed_over_all_workers(path: Path) -> None:
    parent = Page.create(path, 3)
    for slot in range(3):
        worker = Page.open(path, slot)
        worker.figures[REQUESTS] += 1
        worker.figures[SENT] += 10**12
    assert parent.figure(REQUESTS) == 3
    assert parent.figure(SENT) == 3 * 10**12
    assert parent.figure(OTHER) == 0


def test_what_a_gone_worker_counted_stays_and_what_it_held_does_not(path: Path) -> None:
    parent = Page.create(path, 2)
    gone, stays = Page.open(path, 0), Page.open(path, 1)
    for worker in (gone, stays):
        worker.figures[REQUESTS] += 5
        worker.upload_began("192.0.2.1")
    parent.fold(0)
    assert parent.figure(REQUESTS) == 10
    assert parent.uploads("192.0.2.1") == 1
    next_one = Page.open(path, 0)
    next_one.figures[REQUESTS] += 1
    assert parent.figure(REQUESTS) == 11
    parent.fold(0)
    assert parent.figure(REQUESTS) == 11


def test_a_gauge_is_summed_over_the_workers_that_live(path: Path) -> None:
    parent = Page.create(path, 2)
    gone, stays = Page.open(path, 0), Page.open(path, 1)
    for worker in (gone, stays):
        worker.gauges[3] += 2
    gone.gauges[0] += 1
    stays.gauges[3] -= 1
    assert [parent.gauge(gauge) for gauge in range(GAUGES)] == [1, 0, 0, 3, *[0] * (GAUGES - 4)]
    parent.fold(0)
    assert [parent.gauge(gauge) for gauge in range(4)] == [0, 0, 0, 1]
    assert parent.figure(OTHER) == parent.uploads("192.0.2.1") == 0


def test_uploads_are_counted_by_client_over_all_workers(path: Path) -> None:
    parent = Page.create(path, 2)
    one, two = Page.open(path, 0), Page.open(path, 1)
    one.upload_began("192.0.2.1")
    two.upload_began("192.0.2.1")
    two.upload_began("192.0.2.2")
    assert (parent.uploads("192.0.2.1"), one.uploads("192.0.2.2")) == (2, 1)
    one.upload_ended("192.0.2.1")
    assert two.uploads("192.0.2.1") == 1


def test_an_upload_that_never_began_does_not_make_room_for_others() -> None:
    page = Page.private()
    page.upload_ended("192.0.2.1")
    page.upload_began("192.0.2.1")
    assert page.uploads("192.0.2.1") == 1


def test_the_page_is_for_its_owner_only_and_made_once(path: Path) -> None:
    Page.create(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Page.create(path, 1)


def test_another_file_is_no_page(path: Path) -> None:
    path.write_bytes(bytes(64))
    with pytest.raises(PageInvalid, match="page"):
        Page.open(path, 0)
    path.unlink()
    Page.create(path, 2)
    os.truncate(path, path.stat().st_size - 8)
    with pytest.raises(PageInvalid):
        Page.open(path, 0)


@pytest.mark.parametrize("slot", [-1, 2])
def test_there_are_no_other_slots(path: Path, slot: int) -> None:
    Page.create(path, 2)
    with pytest.raises(IndexError):
        Page.open(path, slot)


@pytest.mark.parametrize("slots", [0, 1025])
def test_a_page_has_some_slots_but_not_without_end(path: Path, slots: int) -> None:
    with pytest.raises(ValueError, match="slots"):
        Page.create(path, slots)

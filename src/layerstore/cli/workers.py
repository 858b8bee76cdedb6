"""The workers of `layerstore serve`, as their parent keeps them.

One that dies is replaced, however often; on a new configuration all are exchanged, one by one, and
only by such as work; at the end they finish what they are doing, within a limit. Nothing here
answers a request, reads a configuration, or waits: the parent looks whenever something happened,
and each look does what the moment asks for.
"""

import logging
import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Final

from layerstore.cli.orders import READY, Orders
from layerstore.clock import Clock
from layerstore.telemetry.page import Page

START_S: Final = 60.0
"""Seconds that a worker may take until it accepts connections."""

KILL_AFTER_S: Final = 5.0
"""Seconds that a worker gets beyond its drain before it is killed."""

LIVED_LONG_S: Final = 10.0
"""Seconds after which a worker's death says nothing about the next one."""

PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 5.0
"""Seconds before a worker that died young is replaced: doubled each time."""

_MALLOC_ARENAS: Final = "2"
"""Without it, each thread of the server keeps memory of its own."""

_PROGRAM: Final = "layerstore.cli.worker"

_log = logging.getLogger(__name__)


class Stage(Enum):
    """Of a worker's life: it starts, it accepts connections, it was asked to end."""

    COMING = auto()
    WORKING = auto()
    GOING = auto()


class Worker:
    """A worker process; `control` ends when it does. At its `deadline` it is killed."""

    def __init__(
        self, slot: int, process: subprocess.Popen[bytes], control: socket.socket, began: float
    ) -> None:
        """It has just been started."""
        self.slot = slot
        self.process = process
        self.control = control
        self.began = began
        self.deadline = began + START_S
        self.stage = Stage.COMING
        self.is_silent = False

    def reports(self) -> bool:
        """Whether it says now that it accepts connections."""
        try:
            said = self.control.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            said = b""
        self.is_silent = not said
        return said == READY

    def send(self, number: signal.Signals) -> None:
        """Nothing happens when it is gone."""
        self.process.send_signal(number)


class Place:
    """Where one worker is at work, and another may be on its way; an empty one is filled `at`."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.coming: Worker | None = None
        self.at = 0.0
        self.pause_s = 0.0

    @property
    def is_empty(self) -> bool:
        return self.worker is None and self.coming is None

    def empty_since(self, now: float) -> None:
        """Fill it again, later each time."""
        self.at = now + self.pause_s
        self.pause_s = min(PAUSE_MAX_S, max(PAUSE_FIRST_S, self.pause_s * 2))


class Exchange:
    """One place after the other gets a worker with other orders; `before` are the old ones."""

    def __init__(self, before: Orders, places: Sequence[Place]) -> None:
        self.before = before
        self.places = list(places)
        self.hired: Worker | None = None


class Workers:
    """Keeps some workers at work with the same orders."""

    def __init__(self, orders: Orders, page: Page, clock: Clock) -> None:
        self._orders = orders
        self._page = page
        self._clock = clock
        self._places = [Place() for _ in range(orders.workers)]
        self._alive: set[Worker] = set()
        self._free_slots = set(range(slots_for(orders.workers)))
        self._first: set[Worker] = set()
        self._has_opened = False
        self._offered: Orders | None = None
        self._exchange: Exchange | None = None
        self._is_leaving = False
        self._was_cut = False

    @property
    def orders(self) -> Orders:
        """With which new workers come."""
        return self._orders

    @property
    def opened(self) -> bool | None:
        """Whether one of the first came to work; None as long as that is not known."""
        return None if self._first else self._has_opened

    @property
    def is_exchanging(self) -> bool:
        """Whether others are on their way in; afterwards `orders` tells what became of them."""
        return self._offered is not None or self._exchange is not None

    @property
    def are_gone(self) -> bool:
        """Whether no process is left."""
        return not self._alive

    @property
    def left_in_peace(self) -> bool:
        """Whether none had to be killed since all were asked to leave."""
        return not self._was_cut

    def start(self) -> None:
        """One for each place. A place that stays empty is filled later, if another one is not."""
        self._first = {self._hire(place) for place in self._places}

    def exchange(self, orders: Orders) -> None:
        """Replace the workers one by one; if a new one fails, those that are left stay."""
        self._offered = orders

    def leave(self) -> None:
        """Let all finish what they are doing."""
        self._is_leaving = True
        for worker in self._alive:
            self._send_away(worker)

    def kill(self) -> None:
        """End all at once, whatever they are doing."""
        for worker in self._alive:
            worker.send(signal.SIGKILL)

    def look(self) -> None:
        """Do what the moment asks for."""
        now = self._clock.monotonic()
        for worker in list(self._alive):
            code = worker.process.poll()
            if code is not None:
                self._bury(worker, code, now)
            elif worker.stage is Stage.COMING and worker.reports():
                self._welcome(worker)
            elif now >= worker.deadline:
                self._cut(worker)
        if not self._is_leaving:
            self._go_on_exchanging()
            self._fill(now)

    def due(self) -> float:
        """When to look though nothing happens, on the clock that does not go back."""
        empty = [place.at for place in self._places if place.is_empty and not self._is_leaving]
        return min([*empty, *(worker.deadline for worker in self._alive)], default=math.inf)

    def descriptors(self) -> Iterable[int]:
        """On which something happens."""
        heard = (one for one in self._alive if one.stage is Stage.COMING and not one.is_silent)
        return [worker.control.fileno() for worker in heard]

    def _welcome(self, worker: Worker) -> None:
        """It works: whoever had its place goes."""
        worker.stage, worker.deadline = Stage.WORKING, math.inf
        self._first.discard(worker)
        self._has_opened = True
        place = next(place for place in self._places if place.coming is worker)
        before, place.worker, place.coming = place.worker, worker, None
        if before is not None:
            self._send_away(before)
        if self._exchange is not None and self._exchange.hired is worker:
            self._exchange.hired = None

    def _bury(self, worker: Worker, code: int, now: float) -> None:
        """Clear up after a worker that ended, and see to its place."""
        worker.control.close()
        self._alive.discard(worker)
        self._first.discard(worker)
        self._page.fold(worker.slot)
        self._free_slots.add(worker.slot)
        if self._is_leaving:
            self._was_cut |= code == -signal.SIGKILL
            return
        for place in self._places:
            if worker is place.worker:
                self._lost(place, worker, code, now)
            elif worker is place.coming:
                self._missed(place, worker, now)

    def _lost(self, place: Place, worker: Worker, code: int, now: float) -> None:
        _log.error("worker %d %s; another one takes its place", worker.process.pid, _end(code))
        place.worker = None
        if now - worker.began > LIVED_LONG_S:
            place.pause_s = 0.0
        if place.coming is None:
            place.empty_since(now)

    def _missed(self, place: Place, worker: Worker, now: float) -> None:
        """It never came to work, and its orders may be why."""
        place.coming = None
        if place.worker is None:
            place.empty_since(now)
        if self._exchange is not None and self._exchange.hired is worker:
            self._orders, self._exchange = self._exchange.before, None

    def _go_on_exchanging(self) -> None:
        """Those that an exchange before sent away have to be gone: slots are limited."""
        if self._offered is not None and not any(one.stage is Stage.GOING for one in self._alive):
            self._exchange = Exchange(self._orders, self._places)
            self._orders, self._offered = self._offered, None
        exchange = self._exchange
        if exchange is None or exchange.hired is not None:
            return
        if not exchange.places:
            self._exchange = None
        elif exchange.places[0].coming is None:
            exchange.hired = self._hire(exchange.places.pop(0))

    def _fill(self, now: float) -> None:
        for place in self._places:
            if self.opened and place.is_empty and now >= place.at:
                self._hire(place)

    def _send_away(self, worker: Worker) -> None:
        """Ask a worker to end; it has some time for that."""
        worker.stage = Stage.GOING
        worker.deadline = self._clock.monotonic() + self._orders.plan.drain_s + KILL_AFTER_S
        worker.send(signal.SIGTERM)

    def _cut(self, worker: Worker) -> None:
        if worker.stage is Stage.GOING:
            _log.warning("worker %d did not end in time and is killed", worker.process.pid)
        worker.deadline = math.inf
        worker.send(signal.SIGKILL)

    def _hire(self, place: Place) -> Worker:
        """Start a worker, which will be at the place, in front of whoever is there, if it works."""
        ours, theirs = socket.socketpair()
        slot = min(self._free_slots)
        with theirs:
            process = _started(self._orders, slot, theirs.fileno())
        ours.setblocking(False)
        worker = Worker(slot, process, ours, self._clock.monotonic())
        self._free_slots.remove(slot)
        self._alive.add(worker)
        place.coming = worker
        return worker


def slots_for(count: int) -> int:
    """Slots of the page that so many places need: those who go and those who come overlap."""
    return 2 * count + 2


def _started(orders: Orders, slot: int, control: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # the program is ours
        [sys.executable, "-P", "-m", _PROGRAM, orders.plan.assignment, str(slot), str(control)],
        stdin=subprocess.DEVNULL,
        env={"MALLOC_ARENA_MAX": _MALLOC_ARENAS, **os.environ},
        pass_fds=(control, *orders.listeners),
        process_group=0,  # Ctrl-C is for the parent, which tells the workers
    )


def _end(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

"""The workers of `layerstore serve`, as their parent keeps them.

One that dies is replaced, however often; on a new configuration all are exchanged, one by one, and
only by such as work; at the end they finish what they are doing, within a limit. Nothing here
answers a request or reads a configuration.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from layerstore.cli.assignment import Assignment, encoded
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

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Worker:
    """A worker process at its place; `control` ends when it does."""

    place: int
    slot: int
    process: Process
    control: socket.socket
    began: float

    async def is_ready(self) -> bool:
        """Whether it reports that it accepts connections; waits until it does or is gone."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_S):
                return bool(await loop.sock_recv(self.control, 1))
        except (TimeoutError, OSError):
            return False

    def send(self, number: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)


class Workers:
    """Keeps `count` workers at work on some listening sockets."""

    def __init__(
        self,
        count: int,
        plan: Assignment,
        listeners: Sequence[socket.socket],
        page: Page,
        clock: Clock,
    ) -> None:
        """`plan` is what all are told; its slot and control are filled in for each."""
        self._plan = plan
        self._listeners = listeners
        self._page = page
        self._clock = clock
        self._places: list[Worker | None] = [None] * count
        self._alive: set[Worker] = set()
        self._free_slots = set(range(slots_for(count)))
        self._pauses = [0.0] * count
        self._leaving = asyncio.Event()
        self._tasks: set[asyncio.Task[object]] = set()
        self._exchanging = asyncio.Lock()

    async def start(self) -> bool:
        """Start all; False when none comes to work. A place that stays empty is filled later."""
        places = range(len(self._places))
        hired = await asyncio.gather(*(self._hire(place) for place in places))
        for place in places:
            if any(hired) and not hired[place]:
                self._spawn(self._fill(place))
        return any(hired)

    async def exchange(self, plan: Assignment) -> bool:
        """Replace the workers one by one; False, with those that are left, if a new one fails."""
        async with self._exchanging:
            await self._retired()
            before, self._plan = self._plan, plan
            for place, old in enumerate(self._places):
                if self._leaving.is_set() or not await self._hire(place):
                    self._plan = before
                    return False
                if old is not None:
                    self._spawn(self._retire(old))
            return True

    async def _retired(self) -> None:
        """Wait for those that an earlier exchange sent away: slots are limited."""
        at_work = set(self._places)
        going = [worker.process.wait() for worker in self._alive if worker not in at_work]
        await asyncio.gather(*going)

    async def leave(self) -> bool:
        """Let all finish what they are doing; False when some had to be killed."""
        self._leaving.set()
        clean = await asyncio.gather(*(self._retire(worker) for worker in list(self._alive)))
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        return all(clean)

    def kill(self) -> None:
        """End all at once, whatever they are doing."""
        self._leaving.set()
        for worker in self._alive:
            worker.send(signal.SIGKILL)

    async def _hire(self, place: int) -> bool:
        """Put a new worker at a place, in front of the one that is there, once it works."""
        worker = await self._start_process(place)
        self._spawn(self._attend(worker))
        if not await worker.is_ready() or worker not in self._alive:
            worker.send(signal.SIGKILL)
            return False
        self._places[place] = worker
        return True

    async def _attend(self, worker: Worker) -> None:
        """Wait for a worker's end, clear up after it, and replace it if it was at its place."""
        code = await worker.process.wait()
        worker.control.close()
        self._alive.discard(worker)
        self._page.fold(worker.slot)
        self._free_slots.add(worker.slot)
        if self._places[worker.place] is worker and not self._leaving.is_set():
            _log.error("worker %d %s; another one takes its place", worker.process.pid, _end(code))
            self._places[worker.place] = None
            if self._clock.monotonic() - worker.began > LIVED_LONG_S:
                self._pauses[worker.place] = 0.0
            await self._fill(worker.place)

    async def _fill(self, place: int) -> None:
        """Put a worker at an empty place, however often that has to be tried."""
        while not self._leaving.is_set() and self._places[place] is None:
            await self._pause(place)
            if self._leaving.is_set() or await self._hire(place):
                return

    async def _pause(self, place: int) -> None:
        seconds = self._pauses[place]
        self._pauses[place] = min(PAUSE_MAX_S, max(PAUSE_FIRST_S, seconds * 2))
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return

    async def _retire(self, worker: Worker) -> bool:
        """Ask a worker to end, and see to it; False when it had to be killed."""
        worker.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._plan.drain_s + KILL_AFTER_S):
                code = await worker.process.wait()
        except TimeoutError:
            _log.warning("worker %d did not end in time and is killed", worker.process.pid)
            worker.send(signal.SIGKILL)
            code = await worker.process.wait()
        return code != -signal.SIGKILL

    async def _start_process(self, place: int) -> Worker:
        ours, theirs = socket.socketpair()
        slot = min(self._free_slots)
        self._free_slots.remove(slot)
        with theirs:
            assignment = structs.replace(self._plan, slot=slot, control=theirs.fileno())
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "layerstore.cli.worker",
                encoded(assignment),
                stdin=asyncio.subprocess.DEVNULL,
                env={"MALLOC_ARENA_MAX": _MALLOC_ARENAS, **os.environ},
                pass_fds=[theirs.fileno(), *(item.fileno() for item in self._listeners)],
                process_group=0,  # Ctrl-C is for the parent, which tells the workers
            )
        ours.setblocking(False)
        worker = Worker(place, slot, process, ours, self._clock.monotonic())
        self._alive.add(worker)
        if self._leaving.is_set():
            worker.send(signal.SIGTERM)
        return worker

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        """Let it run, and hold it until it has."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def slots_for(count: int) -> int:
    """Slots of the page that so many places need: those who go and those who come overlap."""
    return 2 * count + 2


def _end(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

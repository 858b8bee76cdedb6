"""The parent process of a server: it keeps the workers and understands signals.

SIGTERM and SIGINT drain, a second one ends at once, SIGHUP takes a new configuration. `layerstore
serve` becomes this program once everything is read, checked and open; it rests in little memory,
so nothing is imported here that knows the configuration, the application or the server, nor the
event loop: what needs them is done by a renewal, a process of its own, or is loaded where health
checks or a debug address ask for it.
"""

import logging
import math
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from layerstore.cli.orders import Orders, orders_file, read_orders
from layerstore.cli.signals import Signals
from layerstore.cli.signs import signs_of
from layerstore.cli.workers import Workers, slots_for
from layerstore.clock import SystemClock
from layerstore.telemetry.logs import log_program
from layerstore.telemetry.page import Page
from layerstore.web.sockets import close_all

FILES_LOOKED_AT_S: Final = 10.0
"""Seconds between two looks at whether a certificate was renewed."""

RENEWAL_REFUSED: Final = 2
"""With this status a renewal ends that has told why the configuration stays as it was."""

_FAILED: Final = 1
_NAME: Final = "layerstore"
_OWN_NAME: Final = Path("/proc/self/comm")

_log = logging.getLogger("layerstore.cli.keeper")


def main() -> None:
    """Keep the server whose private folder is the first argument; the others say how it began."""
    with suppress(OSError):
        _OWN_NAME.write_text(_NAME, encoding="ascii")  # and not the interpreter's
    folder = Path(sys.argv[1])
    try:
        status = Keeper(folder, read_orders(orders_file(folder, 1)), Signals()).run()
    finally:
        _remove(folder)
    sys.exit(status)


class Keeper:
    """A server as its parent process sees it, from the first worker to the last."""

    def __init__(self, folder: Path, orders: Orders, signals: Signals) -> None:
        self._folder = folder
        self._orders = orders
        self._signals = signals
        self._clock = SystemClock()
        self._listeners = [socket.socket(fileno=number) for number in orders.listeners]
        self._page = Page.create(Path(orders.page), slots_for(orders.workers))
        self._workers = Workers(orders, self._page, self._clock)
        self._signs = orders.plan.signs
        self._files_due = self._next_look_at_files()
        self._renewal: subprocess.Popen[bytes] | None = None
        self._offered: Orders | None = None
        self._in_force = self._last = 1  # numbers of orders

    def run(self) -> int:
        """Serve until a signal says otherwise; the exit status."""
        log_program(self._orders.plan.log)
        for warning in self._orders.warnings:
            _log.warning("%s", warning)
        try:
            if self._orders.is_watched and not self._watch():
                return _FAILED
            is_well = self._serve()
            is_clean = self._drain()
        finally:
            close_all(self._listeners)
        return 0 if is_well and is_clean else _FAILED

    def _watch(self) -> bool:
        from layerstore.cli.wellbeing import watch  # the application and the event loop with it

        return watch(Path(self._orders.plan.configuration), self._page)

    def _serve(self) -> bool:
        """Until the end is asked for; False when no worker comes to work."""
        self._workers.start()
        while self._workers.opened is None and not self._signals.ends:
            self._look_at_files()
            self._wait()
            self._workers.look()
        if self._workers.opened is False:
            _log.error("the workers do not start")
            return False
        if self._workers.opened:
            print(*self._orders.told, sep="\n", flush=True)  # noqa: T201  # to who started it
        while not self._signals.ends:
            self._look_at_files()
            self._renew()
            self._wait()
            self._workers.look()
        return True

    def _wait(self) -> None:
        """Until something happens, or it is time to look."""
        due = min(self._workers.due(), self._files_due)
        self._signals.wait(self._workers.descriptors(), due - self._clock.monotonic())

    def _next_look_at_files(self) -> float:
        return self._clock.monotonic() + FILES_LOOKED_AT_S if self._signs else math.inf

    def _look_at_files(self) -> None:
        """A renewed certificate is taken as a new configuration is."""
        if self._clock.monotonic() < self._files_due:
            return
        found = signs_of(self._signs)
        if found != self._signs:
            self._signs = found
            self._signals.renewal = True
        self._files_due = self._next_look_at_files()

    def _renew(self) -> None:
        """Take the configuration as it is now, if it is good and the workers can work with it."""
        if self._renewal is not None:
            self._judge_renewal(self._renewal)
        if self._offered is not None:
            self._judge_exchange(self._offered)
        is_busy = self._renewal is not None or self._offered is not None
        if self._signals.renewal and not is_busy:
            self._signals.renewal = False
            self._renewal = self._started_renewal()

    def _started_renewal(self) -> subprocess.Popen[bytes]:
        self._last += 1
        numbers = (str(self._in_force), str(self._last))
        return subprocess.Popen(  # noqa: S603  # the program is ours
            [sys.executable, "-P", "-m", "layerstore.cli.renewal", str(self._folder), *numbers],
            stdin=subprocess.DEVNULL,
            process_group=0,  # as with workers
        )

    def _judge_renewal(self, renewal: subprocess.Popen[bytes]) -> None:
        status = renewal.poll()
        if status is None:
            return
        self._renewal = None
        if status == 0:
            self._offered = read_orders(orders_file(self._folder, self._last))
            self._workers.exchange(self._offered)
            self._workers.look()
        elif status != RENEWAL_REFUSED:
            _log.error("the configuration stays as it was: it could not be read (%d)", status)

    def _judge_exchange(self, offered: Orders) -> None:
        if self._workers.is_exchanging:
            return
        self._offered = None
        if self._workers.orders is not offered:
            _log.error("the configuration stays as it was: no worker started with the new one")
            return
        self._in_force, self._signs = self._last, offered.plan.signs
        self._files_due = self._next_look_at_files()
        log_program(offered.plan.log)
        _log.info("the configuration was read anew, and all workers follow it")

    def _drain(self) -> bool:
        """Let what runs finish and accept nothing; False when something was cut."""
        self._page.drain()
        close_all(self._listeners)
        self._files_due = math.inf
        if self._renewal is not None:
            self._renewal.kill()
            self._renewal.wait()
        self._workers.leave()
        is_cutting = False
        while not self._workers.are_gone:
            if self._signals.ends > 1 and not is_cutting:
                is_cutting = True
                _log.warning("ending at once: running transfers are cut")
                self._workers.kill()
            self._wait()
            self._workers.look()
        return self._workers.left_in_peace


def _remove(folder: Path) -> None:
    from shutil import rmtree  # for this moment only

    rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

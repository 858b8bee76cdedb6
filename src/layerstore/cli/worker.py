"""A worker of `layerstore serve`: one process that answers requests.

The parent says in its arguments what to do (what all are told, the worker's slot in the page, the
descriptor of its control socket), hands over sockets that listen already, and keeps the other end
of the control socket. A worker reports there when it is ready, stops on SIGTERM, and stops
when the control socket ends, because then its parent is gone.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Final

import msgspec
import uvloop

from layerstore.app.serving import build, edge_limits
from layerstore.cli.allocation import keep_pieces
from layerstore.cli.assignment import Assignment, decoded
from layerstore.cli.orders import READY
from layerstore.cli.scheduling import take_turns_in_batches
from layerstore.cli.server import HttpServer
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.storage.driver import StorageError
from layerstore.telemetry.logs import log_program
from layerstore.telemetry.page import Page
from layerstore.telemetry.teller import Teller
from layerstore.web.asgi import Edge
from layerstore.web.proxies import proxies

PARTING_S: Final = 1.0
"""Seconds for the requests of connections that a worker accepted just before another one came."""

_log = logging.getLogger("layerstore.cli.worker")


def main() -> None:
    """Run the worker that the argument describes, and leave without waiting for threads."""
    assignment, slot, control = decoded(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    log_program(assignment.log)
    keep_pieces()
    take_turns_in_batches()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_work(assignment, slot, control))
        _flush_and_leave(code)


async def _work(assignment: Assignment, slot: int, control: int) -> int:
    clock = SystemClock()
    page = Page.open(assignment.page, slot)
    config = msgspec.json.decode(assignment.configuration.read_bytes(), type=Config)
    try:
        app = build(config, page, clock, assignment.page.parent)
    except (ConfigError, StorageError) as error:
        _log.error("%s", error)
        return 1
    stop = _stop_requested(control)
    await app.start()
    teller = Teller(assignment.log, page, asyncio.get_running_loop())
    edge = Edge(
        app.handle,
        app.refuse,
        teller,
        clock,
        began=teller.metrics.began,
        ended=teller.metrics.ended,
        draining=page.is_draining,
        unwell=page.is_unwell,
        leaving=stop.is_set,
        limits=edge_limits(config),
        trusted=proxies(config.http.trustedproxies),
    )
    listeners = [socket.socket(fileno=descriptor) for descriptor in assignment.listeners]
    server = HttpServer(edge, listeners, tls=assignment.tls, http2=assignment.http2)
    log_program(assignment.log)  # the server's constructor sets up logging of its own
    server.start()
    with suppress(BrokenPipeError):  # the parent is gone already, which ends the wait below
        os.write(control, READY)
    if not await _stopped(stop, server):
        _log.error("the server ended by itself")
        return 1
    server.stop_accepting()
    await app.drain()
    if not page.is_draining():
        await clock.sleep(PARTING_S)
    if not await server.drain(assignment.drain_s):
        _log.warning("transfers that took longer than %g s are cut", assignment.drain_s)
        await server.cut()
    await app.stop()
    teller.flush()
    return 0


async def _stopped(stop: asyncio.Event, server: HttpServer) -> bool:
    """Wait for the end that is asked for; False when it comes by itself."""
    stopping = asyncio.ensure_future(stop.wait())
    failing = asyncio.ensure_future(server.ended())
    await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
    return stop.is_set()


def _stop_requested(control: int) -> asyncio.Event:
    """Set by SIGTERM, and when the parent is gone. SIGINT is for the parent to understand."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    loop.add_reader(control, _parent_gone, loop, control, stop)
    return stop


def _parent_gone(loop: asyncio.AbstractEventLoop, control: int, stop: asyncio.Event) -> None:
    loop.remove_reader(control)
    stop.set()


def _flush_and_leave(code: int) -> None:
    """The server's own threads would be in the interpreter's way."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()

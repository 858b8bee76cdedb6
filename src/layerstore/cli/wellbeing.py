"""Health checks and the debug address, in the process that keeps the workers.

They need the application and an event loop: this file is imported where one of them is configured,
and nowhere else.
"""

import asyncio
import logging
import threading
from pathlib import Path

import msgspec

from layerstore.app.watching import health_checks
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.debug.health import Health
from layerstore.debug.server import DebugPages, DebugServer
from layerstore.storage.driver import StorageError
from layerstore.telemetry.page import Page
from layerstore.web.sockets import parse_address

_log = logging.getLogger(__name__)


def watch(written: Path, page: Page) -> bool:
    """From now on, in threads, as the configuration in a file says; False if that cannot be."""
    config, clock = msgspec.json.decode(written.read_bytes(), type=Config), SystemClock()
    try:
        health = Health(health_checks(config, clock), page, clock)
    except (ConfigError, StorageError) as error:
        _log.error("%s", error)
        return False
    if not _shows_pages(config, health, page):
        return False
    repeated = threading.Thread(target=lambda: asyncio.run(health.run()), name="health")
    repeated.daemon = True
    repeated.start()
    return True


def _shows_pages(config: Config, health: Health, page: Page) -> bool:
    """On `http.debug.addr`; False when it cannot be had, so that nobody misses them later."""
    debug = config.http.debug
    if not debug.addr:
        return True
    prometheus = debug.prometheus
    path = prometheus.path if prometheus.enabled else None
    host, port = parse_address(debug.addr)
    try:
        server = DebugServer(host, port, DebugPages(health, page, config.storage.driver, path))
    except OSError as error:
        reason = (error.strerror or "not usable").lower()
        _log.error("http.debug.addr: %s: %s", debug.addr, reason)
        return False
    _log.info("debug pages at http://%s:%d/debug/health", host or "localhost", server.port)
    return True

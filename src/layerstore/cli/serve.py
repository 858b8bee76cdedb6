"""`layerstore serve`: the parent process.

It reads the configuration, opens the sockets, keeps the workers and understands signals: SIGTERM
and SIGINT drain, a second one ends at once, SIGHUP takes a new configuration. It answers no request
and does not know the server.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import structs

from layerstore import __version__
from layerstore.app.settling import settle
from layerstore.app.stores import storage_folder, worker_count
from layerstore.app.watching import health_checks
from layerstore.cli.assignment import Assignment
from layerstore.cli.certificates import Certificates, certificates, signs_of_change
from layerstore.cli.opened import EXIT_REFUSED, EXIT_USAGE, fail
from layerstore.cli.plan import assignment, log_settings
from layerstore.cli.private import private_folder
from layerstore.cli.workers import Workers, slots_for
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.config.loading import Loaded, load
from layerstore.debug.health import Health, Repeated
from layerstore.debug.server import DebugPages, DebugServer
from layerstore.telemetry.logs import log_program
from layerstore.telemetry.page import Page
from layerstore.web.sockets import (
    AddressInvalid,
    AddressUnusable,
    close_all,
    listen,
    parse_address,
    url,
)

_CERTIFICATES_LOOKED_AT_S: Final = 10.0
"""Seconds between two looks at whether a certificate was renewed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration comes from; options stand above the file, as variables do."""

    path: Path | None
    options: Mapping[str, str]

    def load(self) -> Loaded:
        """Read it, anew each time. Raises ConfigError."""
        return load(self.path, {**os.environ, **self.options})


def serve(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration, in the form of distribution's YAML.")
    ] = None,
    addr: Annotated[
        str | None, typer.Option(help="Where to listen: host:port, or :port for all addresses.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; as many as cores if not given.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder where everything is stored.")] = None,
) -> None:
    """Serve a registry."""
    source = Source(config, _variables(addr, workers, data))
    try:
        loaded = source.load()
        settled = settle(loaded.config, SystemClock())
        certified = certificates(settled.http.tls)
        checks = health_checks(settled, SystemClock())
        listeners = listen(settled.http.addr, settled.http.net)
    except (ConfigError, AddressInvalid) as error:
        fail(str(error), EXIT_USAGE)
    except AddressUnusable as error:
        fail(str(error), EXIT_REFUSED)
    _raise_descriptor_limit()
    try:
        with private_folder() as folder:
            service = _Service(source, settled, certified, checks, listeners, folder)
            status = asyncio.run(service.run(loaded.warnings))
    finally:
        close_all(listeners)
    raise typer.Exit(status)


class _Service:
    """The server as its parent process sees it, from the first worker to the last."""

    def __init__(
        self,
        source: Source,
        config: Config,
        certified: Certificates | None,
        checks: Sequence[Repeated],
        listeners: list[socket.socket],
        folder: Path,
    ) -> None:
        """`config` is settled; `folder` is empty and private."""
        self._source = source
        self._config = config
        self._certified = certified
        self._files_taken = signs_of_change(config.http.tls)
        self._listeners = listeners
        self._folder = folder
        self._clock = SystemClock()
        self._fields = {"instance.id": self._clock.new_id()}
        self._count = worker_count(config)
        self._page = Page.create(folder / "page", slots_for(self._count))
        self._health = Health(checks, self._page, self._clock)
        self._reload_asked = asyncio.Event()
        self._end_asked = asyncio.Event()
        self._cut_asked = asyncio.Event()
        self._generation = 0

    async def run(self, warnings: Sequence[str]) -> int:
        """Serve until a signal says otherwise; the exit status."""
        log_program(log_settings(self._config, self._fields))
        _warn(warnings)
        plan = self._plan(self._config, self._certified)
        if not self._shows_debug_pages():
            return EXIT_REFUSED
        workers = Workers(self._count, plan, self._listeners, self._page, self._clock)
        self._listen_to_signals()
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(workers))
            beside = [
                group.create_task(self._watch_certificates()),
                group.create_task(self._health.run()),
            ]
            await self._end_asked.wait()
            is_well = not work.done()
            for task in (work, *beside):
                task.cancel()
            is_clean = await self._drain(workers)
        return 0 if is_well and is_clean else EXIT_REFUSED

    def _shows_debug_pages(self) -> bool:
        """On `http.debug.addr`; False when it cannot be had, so that nobody misses them later."""
        debug = self._config.http.debug
        if not debug.addr:
            return True
        prometheus = debug.prometheus
        path = prometheus.path if prometheus.enabled else None
        pages = DebugPages(self._health, self._page, self._config.storage.driver, path)
        host, port = parse_address(debug.addr)
        try:
            server = DebugServer(host, port, pages)
        except OSError as error:
            reason = (error.strerror or "not usable").lower()
            _log.error("http.debug.addr: %s: %s", debug.addr, reason)
            return False
        _log.info("debug pages at http://%s:%d/debug/health", host or "localhost", server.port)
        return True

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._reload_asked.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_for_end)

    def _ask_for_end(self) -> None:
        again = self._end_asked.is_set()
        (self._cut_asked if again else self._end_asked).set()

    async def _work(self, workers: Workers) -> None:
        """Take new configurations for ever; returns when not even the first one works."""
        if not await workers.start():
            _log.error("the workers do not start")
            self._end_asked.set()
            return
        _announce(self._config, self._listeners, self._count)
        while await self._reload_asked.wait():
            self._reload_asked.clear()
            await self._reload(workers)

    async def _watch_certificates(self) -> None:
        """A renewed certificate is taken as a new configuration is."""
        while True:
            await self._clock.sleep(_CERTIFICATES_LOOKED_AT_S)
            found = signs_of_change(self._config.http.tls)
            if found != self._files_taken:
                self._files_taken = found
                self._reload_asked.set()

    def _plan(self, config: Config, certified: Certificates | None) -> Assignment:
        """Each in a file of its own: a worker of the one before may start at any moment."""
        self._generation += 1
        tls = certified.copied(self._folder / f"tls-{self._generation}") if certified else None
        return assignment(
            config,
            self._folder / f"configuration-{self._generation}",
            self._folder / "page",
            [listener.fileno() for listener in self._listeners],
            log_settings(config, self._fields),
            tls,
        )

    async def _reload(self, workers: Workers) -> None:
        """Take the configuration as it is now, if it is good and the workers can work with it."""
        try:
            loaded = self._source.load()
            config = self._settled_again(loaded.config)
            certified = certificates(config.http.tls)
        except ConfigError as error:
            _log.error("the configuration stays as it was: %s", error)
            return
        _warn(loaded.warnings)
        if not await workers.exchange(self._plan(config, certified)):
            _log.error("the configuration stays as it was: no worker started with the new one")
            return
        self._config = config
        log_program(log_settings(config, self._fields))
        _log.info("the configuration was read anew, and all workers follow it")

    def _settled_again(self, config: Config) -> Config:
        """The new configuration with the old secret if it has none. Raises ConfigError."""
        before = self._config
        if "inmemory" in (config.storage.driver, before.storage.driver):
            raise ConfigError("what is stored in memory would be lost with the worker that has it")
        if (config.http.addr, config.http.net) != (before.http.addr, before.http.net):
            raise ConfigError("http.addr and http.net change with a restart only")
        if bool(config.http.tls.certificate) != bool(before.http.tls.certificate):
            raise ConfigError("http.tls is switched on and off with a restart only")
        if config.http.debug != before.http.debug:
            raise ConfigError("http.debug changes with a restart only")
        if config.health != before.health:
            raise ConfigError("health changes with a restart only")
        if worker_count(config) != self._count:
            raise ConfigError("http.workers changes with a restart only")
        if config.http.secret:
            return config
        kept = structs.replace(config.http, secret=before.http.secret)
        return structs.replace(config, http=kept)

    async def _drain(self, workers: Workers) -> bool:
        """Let what runs finish and accept nothing; False when something was cut."""
        self._page.draining = True
        close_all(self._listeners)
        async with asyncio.TaskGroup() as group:
            impatient = group.create_task(self._cut_when_asked(workers))
            is_clean = await workers.leave()
            impatient.cancel()
        return is_clean

    async def _cut_when_asked(self, workers: Workers) -> None:
        await self._cut_asked.wait()
        _log.warning("ending at once: running transfers are cut")
        workers.kill()


def _variables(addr: str | None, workers: int | None, data: Path | None) -> dict[str, str]:
    options = {
        "REGISTRY_HTTP_ADDR": addr,
        "REGISTRY_HTTP_WORKERS": workers,
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": data,
    }
    return {name: str(value) for name, value in options.items() if value is not None}


def _raise_descriptor_limit() -> None:
    """Each connection takes a descriptor, each file that is sent two; workers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        _log.warning("%s", warning)


def _announce(config: Config, listeners: Sequence[socket.socket], count: int) -> None:
    """Where it listens, where it stores, and what to try first."""
    scheme = "https" if config.http.tls.certificate else "http"
    addresses = " and ".join(url(listener, scheme) for listener in listeners)
    typer.echo(f"Layerstore {__version__} listens on {addresses} ({_counted(count)}).")
    typer.echo(f"It stores in {_place(config)}.")
    name = _pushable(listeners[0])
    if name:
        typer.echo(f"Try:  docker tag IMAGE {name}/IMAGE && docker push {name}/IMAGE")


def _place(config: Config) -> str:
    storage, folder = config.storage, storage_folder(config)
    if folder is not None:
        return str(folder.absolute())
    if storage.s3 is not None:
        return f"the bucket {storage.s3.bucket} of S3"
    if storage.gcs is not None:
        return f"the bucket {storage.gcs.bucket} of Google Cloud Storage"
    if storage.azure is not None:
        return f"the container {storage.azure.container} of Azure"
    return "memory: everything is gone when it ends"


def _counted(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def _pushable(listener: socket.socket) -> str | None:
    """How a client on this machine names a registry on that socket; docker knows no unix ones."""
    if listener.family == socket.AF_UNIX:
        return None
    host, port = listener.getsockname()[:2]
    if host in ("127.0.0.1", "::1", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return f"localhost:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""The storage that a configuration chooses: a driver, what wears it, where clients are sent."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.drivers import StorageMiddleware
from layerstore.storage.driver import StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver, Observe
from layerstore.storage.redirects import Redirect, RedirectInvalid, Rewrite, UrlStep

if TYPE_CHECKING:
    from layerstore.storage.objects.driver import ObjectStoreDriver

OBJECT_STORES: Final = ("s3", "gcs", "azure")
"""Drivers whose files are objects that other instances see, too."""


def storage_folder(config: Config) -> Path | None:
    """Where the filesystem driver keeps everything; None with any other driver."""
    filesystem = config.storage.filesystem
    return Path(filesystem.rootdirectory) if filesystem is not None else None


def object_store(config: Config, driver: StorageDriver) -> "ObjectStoreDriver | None":
    """The driver, which may wear something, as that of an object store; None with any other."""
    if config.storage.driver not in OBJECT_STORES:
        return None
    from layerstore.app.clouds import as_store  # as below

    return as_store(driver)


def worker_count(config: Config) -> int:
    """`http.workers`, or as many as there are cores; memory that one process has serves one."""
    if config.storage.driver == "inmemory":
        return 1
    return config.http.workers or len(os.sched_getaffinity(0))


@asynccontextmanager
async def opened_storage(config: Config, clock: Clock) -> AsyncIterator[StorageDriver]:
    """The storage for as long as a command works on it. Raises ConfigError, StorageError."""
    inner = choose_driver(config, clock)
    store = object_store(config, inner)
    try:
        if store is not None:
            await store.start()
        yield worn(config, inner, clock, lambda *_: None)
    finally:
        if store is not None:
            await store.close()


def open_driver(config: Config, clock: Clock, observe: Observe = lambda *_: None) -> StorageDriver:
    """The storage that the configuration chooses; `observe` hears how long each of its steps takes.

    Raises ConfigError, StorageError.
    """
    return worn(config, choose_driver(config, clock), clock, observe)


def worn(config: Config, driver: StorageDriver, clock: Clock, observe: Observe) -> StorageDriver:
    """The driver in what it wears in production, told about and redirected."""
    return MeteredDriver(driver, clock, observe, url_steps(config, clock))


def url_steps(config: Config, clock: Clock) -> list[UrlStep]:
    """What the storage middleware makes of where clients are sent. Raises ConfigError."""
    steps = enumerate(config.middleware.storage)
    return [_url_step(place, item, clock) for place, item in steps if not item.disabled]


def _url_step(place: int, item: StorageMiddleware, clock: Clock) -> UrlStep:
    options = item.options
    try:
        match item.name:
            case "redirect":
                return Redirect(options.baseurl)
            case "rewrite":
                return Rewrite(options.scheme, options.host, options.trimpathprefix)
            case "cloudfront":
                from layerstore.storage.cloudfront import CloudFront  # 9 MiB, as above

                key = Path(options.privatekey).read_bytes()
                return CloudFront(options.baseurl, key, options.keypairid, options.duration, clock)
            case other:
                raise ConfigError(
                    f"middleware.storage[{place}].name: there is none called {other!r}"
                )
    except RedirectInvalid as error:
        raise ConfigError(f"middleware.storage[{place}].options.{error}") from error
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        where = f"middleware.storage[{place}].options.privatekey"
        raise ConfigError(f"{where}: {options.privatekey}: {reason}") from error


def choose_driver(config: Config, clock: Clock) -> StorageDriver:
    """The bare driver. Raises ConfigError, StorageError."""
    storage = config.storage
    match storage.driver:
        case "filesystem" if storage.filesystem is not None:
            folder = Path(storage.filesystem.rootdirectory)
            return FilesystemDriver(folder, clock, storage.filesystem.maxthreads)
        case "inmemory":
            return MemoryDriver(clock)
        case driver if driver in OBJECT_STORES:
            from layerstore.app.clouds import open_store  # 1 MiB, and 20 for S3

            return open_store(config, clock, worker_count(config))
        case other:
            raise ConfigError(f"storage.{other}: nothing is stored there")

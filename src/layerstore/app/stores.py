"""The storage that a configuration chooses: a driver, what wears it, where clients are sent."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from layerstore import __version__
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.drivers import S3, Azure, StorageMiddleware
from layerstore.config.stores import azure_settings, gcs_settings
from layerstore.storage.driver import StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver, Observe
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.unusable import StoreUnusable
from layerstore.storage.redirects import Redirect, RedirectInvalid, Rewrite, UrlStep
from layerstore.storage.s3.address import DEFAULT_REGION, AddressUnusable, Place
from layerstore.storage.s3.settings import NewObjects, S3Settings


def storage_folder(config: Config) -> Path | None:
    """Where the filesystem driver keeps everything; None with any other driver."""
    filesystem = config.storage.filesystem
    return Path(filesystem.rootdirectory) if filesystem is not None else None


def worker_count(config: Config) -> int:
    """`http.workers`, or as many as there are cores; memory that one process has serves one."""
    if config.storage.driver == "inmemory":
        return 1
    return config.http.workers or len(os.sched_getaffinity(0))


@asynccontextmanager
async def opened_storage(config: Config, clock: Clock) -> AsyncIterator[StorageDriver]:
    """The storage for as long as a command works on it. Raises ConfigError, StorageError."""
    inner = choose_driver(config, clock)
    store = inner if isinstance(inner, ObjectStoreDriver) else None
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
        case "s3" if storage.s3 is not None:
            return _s3_driver(storage.s3, clock, worker_count(config))
        case "gcs" if storage.gcs is not None:
            return _gcs_driver(gcs_settings(storage.gcs, worker_count(config)), clock)
        case "azure" if storage.azure is not None:
            return _azure_driver(storage.azure, clock, worker_count(config))
        case other:
            raise ConfigError(f"storage.{other}: nothing is stored there")


def _s3_driver(s3: S3, clock: Clock, workers: int) -> ObjectStoreDriver:
    place = Place(
        bucket=s3.bucket,
        region=s3.region or DEFAULT_REGION,
        endpoint=s3.regionendpoint,
        path_style=bool(s3.regionendpoint) if s3.forcepathstyle is None else s3.forcepathstyle,
        secure=s3.secure,
        dual_stack=s3.usedualstack,
        fips=s3.usefipsendpoint,
        accelerate=s3.accelerate,
    )
    settings = S3Settings(
        place,
        redirect_endpoint=s3.redirectendpoint,
        access_key=s3.accesskey,
        secret_key=s3.secretkey,
        new_objects=_new_objects(s3),
        verify=not s3.skipverify,
        user_agent=" ".join(filter(None, (f"layerstore/{__version__}", s3.useragent))),
        root=s3.rootdirectory,
        buffers=s3.buffers // workers,
        part_bytes=s3.chunksize,
        whole_copy_bytes_max=s3.multipartcopythresholdsize,
        copied_part_bytes=s3.multipartcopychunksize,
        copied_parts_at_once=s3.multipartcopymaxconcurrency,
    )
    from layerstore.storage.s3.opened import open_s3  # some 20 MiB that nobody else pays

    try:
        return open_s3(settings, clock)
    except AddressUnusable as error:
        raise ConfigError(f"storage.s3: {error}") from error


def _new_objects(s3: S3) -> NewObjects:
    """What a store does anyway is not told: not every store knows the words for it."""
    encryption = ("aws:kms" if s3.keyid else "AES256") if s3.encrypt else ""
    return NewObjects(
        encryption=encryption,
        key_id=s3.keyid if s3.encrypt else "",
        storage_class="" if s3.storageclass in ("STANDARD", "NONE") else s3.storageclass,
        acl="" if s3.objectacl == "private" else s3.objectacl,
    )


def _gcs_driver(settings: GcsSettings, clock: Clock) -> ObjectStoreDriver:
    from layerstore.storage.gcs.opened import open_gcs  # as above

    try:
        return open_gcs(settings, clock)
    except StoreUnusable as error:
        raise ConfigError(f"storage.gcs: {error}") from error


def _azure_driver(azure: Azure, clock: Clock, workers: int) -> ObjectStoreDriver:
    from layerstore.storage.azure.opened import open_azure  # as above

    try:
        return open_azure(azure_settings(azure, workers), clock)
    except StoreUnusable as error:
        raise ConfigError(f"storage.azure: {error}") from error

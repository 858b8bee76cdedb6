"""The storages that are object stores, and what only they need; loaded where one is configured."""

from layerstore import __version__
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.drivers import S3, Azure
from layerstore.config.stores import azure_settings, gcs_settings
from layerstore.registry.claimed import StoreLocks
from layerstore.registry.locks import Locks
from layerstore.storage.driver import StorageDriver
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.metered import MeteredDriver
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.unusable import StoreUnusable
from layerstore.storage.s3.address import DEFAULT_REGION, AddressUnusable, Place
from layerstore.storage.s3.settings import NewObjects, S3Settings


def open_store(config: Config, clock: Clock, workers: int) -> ObjectStoreDriver:
    """The bare driver, for one of so many processes. Raises ConfigError, StorageError."""
    storage = config.storage
    match storage.driver:
        case "s3" if storage.s3 is not None:
            return _s3_driver(storage.s3, clock, workers)
        case "gcs" if storage.gcs is not None:
            return _gcs_driver(gcs_settings(storage.gcs, workers), clock)
        case "azure" if storage.azure is not None:
            return _azure_driver(storage.azure, clock, workers)
        case other:
            raise ConfigError(f"storage.{other}: nothing is stored there")


def as_store(driver: StorageDriver) -> ObjectStoreDriver | None:
    """The driver that is worn by nothing; None where it is that of no object store."""
    inner = driver.inner if isinstance(driver, MeteredDriver) else driver
    return inner if isinstance(inner, ObjectStoreDriver) else None


def store_locks(store: ObjectStoreDriver) -> Locks:
    """Locks that every instance on the store keeps."""
    return StoreLocks(store.claims)


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

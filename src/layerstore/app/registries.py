"""The registry over a storage, for the server and for commands that work beside one."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from layerstore.app.notaries import open_notary
from layerstore.app.stores import object_store, open_driver, storage_folder
from layerstore.clock import Clock
from layerstore.config import Config
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import FileLocks, Locks, ProcessLocks
from layerstore.registry.manifests import UNTAGS_AT_ONCE
from layerstore.registry.notary import Notary
from layerstore.registry.references import ManifestRules, pattern_of
from layerstore.storage.driver import StorageDriver
from layerstore.storage.ours import OWN_FOLDER, own_folder


def open_registry(
    config: Config, clock: Clock, driver: StorageDriver | None = None
) -> LocalRegistry:
    """The same registry without a server, for commands that work beside one.

    Raises ConfigError, StorageError.
    """
    storage = driver or open_driver(config, clock)
    return join_registry(config, storage, clock, open_notary(config, clock))


def join_registry(
    config: Config, driver: StorageDriver, clock: Clock, notary: Notary
) -> LocalRegistry:
    """The registry over a storage that is open."""
    folder = storage_folder(config)
    return LocalRegistry(
        driver,
        locks_for(config, driver, clock, folder),
        clock,
        rules_of(config),
        notary=notary,
        states_since=machine_start() if folder else None,
        untags_at_once=config.storage.tag.concurrencylimit or UNTAGS_AT_ONCE,
    )


def locks_for(config: Config, driver: StorageDriver, clock: Clock, folder: Path | None) -> Locks:
    """What keeps changes of one thing apart: files in the folder, the store, or this process."""
    if folder is not None:
        return FileLocks(locks_folder(folder), clock)
    store = object_store(config, driver)
    if store is None:
        return ProcessLocks()
    from layerstore.app.clouds import store_locks  # which is loaded then

    return store_locks(store)


def locks_folder(folder: Path) -> Path:
    """Where locks are files. What only reads does without: whoever takes one will be told."""
    with suppress(OSError):
        return own_folder(folder) / "locks"
    return folder / OWN_FOLDER / "locks"


def machine_start() -> datetime | None:
    """When this machine started; None where it does not say."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    seconds = next((line.split()[1] for line in lines if line.startswith("btime ")), None)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def rules_of(config: Config) -> ManifestRules:
    """What `validation`, `limits` and `policy` say of manifests."""
    validation, limits = config.validation.in_force, config.limits
    urls, indexes = validation.urls, validation.indexes
    platforms = indexes.platforms
    return ManifestRules(
        references=validation.references,
        platforms=platforms
        if platforms != "list"
        else frozenset((item.os, item.architecture) for item in indexes.platformlist),
        url_allow=pattern_of(urls.allow),
        url_deny=pattern_of(urls.deny),
        classes=frozenset(config.policy.repository.classes),
        bytes_max=limits.manifestbytes,
        references_max=limits.references,
        index_depth_max=limits.indexdepth,
    )

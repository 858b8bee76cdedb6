"""The registry over a storage, for the server and for commands that work beside one."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from layerstore.app.notaries import open_notary
from layerstore.app.stores import open_driver, storage_folder
from layerstore.clock import Clock
from layerstore.config import Config
from layerstore.registry.claimed import StoreLocks
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import FileLocks, Locks, ProcessLocks
from layerstore.registry.manifests import UNTAGS_AT_ONCE
from layerstore.registry.notary import Notary
from layerstore.registry.references import ManifestRules, pattern_of
from layerstore.storage.driver import StorageDriver
from layerstore.storage.leftovers import Leftovers
from layerstore.storage.metered import MeteredDriver
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.ours import (
    OWN_FOLDER,
    is_ours,
    own_folder,
)
from layerstore.upkeep.check.findings import Report
from layerstore.upkeep.check.run import Check, Wishes


def open_registry(
    config: Config, clock: Clock, driver: StorageDriver | None = None
) -> LocalRegistry:
    """The same registry without a server, for commands that work beside one.

    Raises ConfigError, StorageError.
    """
    storage = driver or open_driver(config, clock)
    return join_registry(config, storage, clock, open_notary(config, clock))


def open_check(
    config: Config, clock: Clock, driver: StorageDriver, wishes: Wishes, report: Report
) -> Check:
    """A look for damage in what the configuration stores, beside a server or without one.

    Keys are taken where this user may make their files without being in the server's way: in a
    folder of its own. Raises StorageError.
    """
    folder = storage_folder(config)
    return Check(
        driver,
        _locks(folder if folder and is_ours(folder) else None, driver, clock),
        clock,
        _rules(config),
        wishes,
        report,
        Leftovers(folder) if folder else None,
    )


def join_registry(
    config: Config, driver: StorageDriver, clock: Clock, notary: Notary
) -> LocalRegistry:
    """The registry over a storage that is open."""
    folder = storage_folder(config)
    return LocalRegistry(
        driver,
        _locks(folder, driver, clock),
        clock,
        _rules(config),
        notary=notary,
        states_since=machine_start() if folder else None,
        untags_at_once=config.storage.tag.concurrencylimit or UNTAGS_AT_ONCE,
    )


def _locks(folder: Path | None, driver: StorageDriver, clock: Clock) -> Locks:
    if folder is not None:
        return FileLocks(locks_folder(folder), clock)
    inner = driver.inner if isinstance(driver, MeteredDriver) else driver
    return StoreLocks(inner.claims) if isinstance(inner, ObjectStoreDriver) else ProcessLocks()


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


def _rules(config: Config) -> ManifestRules:
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

"""A look for damage, over a storage that is open; the server itself has no use for it."""

from layerstore.app.registries import locks_for, rules_of
from layerstore.app.stores import storage_folder
from layerstore.clock import Clock
from layerstore.config import Config
from layerstore.storage.driver import StorageDriver
from layerstore.storage.leftovers import Leftovers
from layerstore.storage.ours import is_ours
from layerstore.upkeep.check.findings import Report
from layerstore.upkeep.check.run import Check, Wishes


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
        locks_for(config, driver, clock, folder if folder and is_ours(folder) else None),
        clock,
        rules_of(config),
        wishes,
        report,
        Leftovers(folder) if folder else None,
    )

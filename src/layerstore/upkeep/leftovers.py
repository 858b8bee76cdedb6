"""What processes that were killed left in a folder is taken away, beside those that live.

What that is, and what is in use, only the filesystem driver knows.
"""

import logging
from typing import Final

from layerstore.registry.paths import PREFIX
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.upkeep.duties import Duty

TIDY_INTERVAL_S: Final = 60.0 * 60.0
"""Seconds between two looks into our own folders, which are few and may hold whole blobs."""

SWEEP_INTERVAL_S: Final = 24 * 60.0 * 60.0
"""Seconds between two looks into every folder for files of a few bytes."""

_log = logging.getLogger(__name__)


def leftover_duties(driver: FilesystemDriver) -> list[Duty]:
    """The duties that a storage in a folder of this machine brings with it."""

    async def sweep() -> None:
        removed = await driver.sweep(PREFIX)
        if removed:
            _log.info("%d temporary files of processes that died were removed", removed)

    return [
        Duty("tidying up", driver.tidy, TIDY_INTERVAL_S),
        Duty("looking for temporary files", sweep, SWEEP_INTERVAL_S),
    ]

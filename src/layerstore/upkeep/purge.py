"""Uploads that nobody went on with are taken away (`storage.maintenance.uploadpurging`).

What counts is the last write and not the beginning, so that an upload which takes long stays; so
does one that is being written at that moment (decisions 11). Remains of sessions, without data or
without a beginning, are treated alike. Which files that are, only the registry knows.
"""

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from layerstore.clock import Clock
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.uploads import UploadStore
from layerstore.storage.driver import StorageError

_log = logging.getLogger(__name__)


class Fate(Enum):
    """What becomes of an upload that is looked at."""

    STAYS = auto()
    GOES = auto()
    FAILS = auto()


class Looked(NamedTuple):
    """An upload that was looked at; `reason` says why it cannot be taken away if it should be.

    `written` is the moment of the last write, None where it is not known.
    """

    name: Name
    upload_id: str
    written: datetime | None
    fate: Fate
    reason: str = ""


async def purge(
    registry: LocalRegistry, before: datetime, *, dryrun: bool = False
) -> AsyncIterator[Looked]:
    """Look at all uploads, and take away those to which nothing was written since `before`.

    With `dryrun` nothing is taken away, and the fates are those that they would have. One that
    cannot be taken away is told as such; raises StorageError when the storage cannot be listed.
    """
    async for name in registry.uploading():
        uploads = registry.repository(name).uploads
        async for upload_id in uploads.ids():
            try:
                yield await _decided(uploads, name, upload_id, before, dryrun)
            except StorageError as error:
                yield Looked(name, upload_id, None, Fate.FAILS, error.reason)


async def _decided(
    uploads: UploadStore, name: Name, upload_id: str, before: datetime, dryrun: bool
) -> Looked:
    written = await uploads.last_write(upload_id)
    goes = written is not None and written < before
    if goes and not dryrun:
        goes = await uploads.discard(upload_id, before)
    return Looked(name, upload_id, written, Fate.GOES if goes else Fate.STAYS)


async def purge_old_uploads(
    registry: LocalRegistry, clock: Clock, age_s: float, *, dryrun: bool = False
) -> None:
    """The duty: a line in the log for each upload that goes, and one with the numbers.

    It lets requests go first after each upload. Raises StorageError.
    """
    verb = "would be removed" if dryrun else "removed"
    counts = dict.fromkeys(Fate, 0)
    async for looked in purge(registry, clock.now() - timedelta(seconds=age_s), dryrun=dryrun):
        counts[looked.fate] += 1
        match looked:
            case Looked(name, upload_id, written, Fate.GOES):
                _log.info("upload %s of %s %s: last written %s", upload_id, name, verb, written)
            case Looked(name, upload_id, _, Fate.FAILS, reason):
                _log.warning("upload %s of %s cannot be removed: %s", upload_id, name, reason)
        await clock.sleep(0)
    _log.info(
        "upload purging: %d uploads %s, %d kept, %d could not be removed",
        counts[Fate.GOES],
        verb,
        counts[Fate.STAYS],
        counts[Fate.FAILS],
    )

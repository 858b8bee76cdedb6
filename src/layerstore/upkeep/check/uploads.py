"""A repository's uploads: what nobody can carry on, and hash states that nobody can use."""

from datetime import datetime
from functools import partial

from layerstore.oci.digest import HEX_LENGTHS
from layerstore.oci.hashstate import can_save_states, resume_hasher
from layerstore.registry.paths import (
    UploadData,
    UploadHashState,
    UploadStarted,
    is_upload_id,
    recognise,
    upload_folder,
    uploads_folder,
)
from layerstore.storage.driver import FileInfo, PathNotFound
from layerstore.upkeep.check.case import Case
from layerstore.upkeep.check.findings import Finding, Kind


class UploadCheck:
    """Examines the upload sessions of one repository; removing old ones is not its business."""

    def __init__(self, case: Case) -> None:
        self._storage = case.storage
        self._driver = case.storage.driver
        self._name = case.view.name

    async def all(self) -> None:
        """Examine every session."""
        folder = uploads_folder(self._name)
        async for text in self._storage.desk.listed(folder, self._driver.names(folder)):
            if is_upload_id(text):
                await self._one(text)
            else:
                self._storage.note_unknown(f"{folder}/{text}")

    async def _one(self, upload_id: str) -> None:
        folder, desk = upload_folder(self._name, upload_id), self._storage.desk
        await desk.examine(folder, lambda: self._look(upload_id))
        async for path, _ in desk.listed(folder, self._driver.walk(folder)):
            state = recognise(path)
            if isinstance(state, UploadHashState):
                await desk.examine(path, partial(self._look_at_state, state))
            self._storage.note_unknown(path)

    async def _look(self, upload_id: str) -> list[Finding]:
        folder = upload_folder(self._name, upload_id)
        if await self._last_touched(folder) >= self._storage.rest_since:
            return []
        has_start = await self._exists(UploadStarted(self._name, upload_id).path)
        has_data = await self._size(upload_id) is not None
        if has_start and has_data:
            return []
        text = "the upload has no data" if has_start else "the upload has no startedat"

        async def remove() -> bool:
            await self._driver.drop(UploadData(self._name, upload_id).path)
            await self._driver.delete(folder)
            return True

        return [
            Finding(
                Kind.UNFINISHED_UPLOAD,
                folder,
                f"{text}: nobody can carry it on",
                "removes the upload",
                self._name,
                mend=remove,
            )
        ]

    async def _last_touched(self, folder: str) -> datetime:
        moments = [info.modified async for _, info in self._driver.walk(folder)]
        return max(moments) if moments else (await self._driver.stat(folder)).modified

    async def _exists(self, path: str) -> bool:
        return await self._info(path) is not None

    async def _info(self, path: str) -> FileInfo | None:
        try:
            return await self._driver.stat(path)
        except PathNotFound:
            return None

    async def _size(self, upload_id: str) -> int | None:
        """What came so far, whether or not the storage takes it for finished."""
        path = UploadData(self._name, upload_id).path
        pending = await self._driver.pending(path)
        if pending is not None:
            return pending
        info = await self._info(path)
        return None if info is None else info.size

    async def _look_at_state(self, state: UploadHashState) -> list[Finding]:
        """A state that is not one stops the original; it only saves reading the data again."""
        content = await self._driver.get(state.path)
        size = await self._size(state.upload_id)
        if size is None or _is_usable(state, content, size):
            return []

        async def remove() -> bool:
            await self._driver.delete(state.path)
            return True

        text = "the hash state is not one of what came so far"
        return [
            Finding(Kind.BAD_HASH_STATE, state.path, text, "removes it", self._name, mend=remove)
        ]


def _is_usable(state: UploadHashState, content: bytes, size: int) -> bool:
    if not can_save_states():
        return True
    if state.offset > size or state.algorithm not in HEX_LENGTHS:
        return False
    return resume_hasher(state.algorithm, content, state.offset) is not None

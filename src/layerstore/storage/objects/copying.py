"""Copies within a store: in one request, or in parts side by side."""

import asyncio
from dataclasses import dataclass

from layerstore.storage.objects.sizes import copied_part_bytes
from layerstore.storage.objects.store import ObjectInfo, Objects, Part


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies objects; those larger than `whole_bytes_max` in parts of `part_bytes`."""

    objects: Objects
    whole_bytes_max: int
    part_bytes: int
    parts_at_once: int

    async def copy(self, source: ObjectInfo, target: str) -> None:
        """Raises ConditionFailed when the source is another object by now."""
        if source.size <= self.whole_bytes_max:
            await self.objects.copy(source, target)
            return
        upload = await self.objects.start_upload(target)
        try:
            parts = await self._parts(source, target, upload)
            await self.objects.complete(target, upload, parts)
        except BaseException:
            await self.objects.abort(target, upload)
            raise

    async def _parts(self, source: ObjectInfo, target: str, upload: str) -> list[Part]:
        gate = asyncio.Semaphore(self.parts_at_once)
        size = copied_part_bytes(source.size, self.part_bytes)

        async def copied(number: int, start: int) -> Part:
            async with gate:
                end = min(start + size, source.size)
                return await self.objects.copy_part(target, upload, number, source, start, end)

        starts = range(0, source.size, size)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(copied(number, start))
                    for number, start in enumerate(starts, 1)
                ]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        return [task.result() for task in tasks]

"""An object store in memory: strict where S3 is strict, and with pages as short as asked.

Atomic for all tasks of one event loop. Multipart uploads that nobody completes are counted, for
they would cost money.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from layerstore.clock import Clock
from layerstore.storage.objects.buffers import Buffers
from layerstore.storage.objects.copying import Copier
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.sizes import PART_BYTES_MIN
from layerstore.storage.objects.store import (
    ABSENT,
    KEYS_PER_PAGE,
    Body,
    ConditionFailed,
    Content,
    ObjectInfo,
    Objects,
    Page,
    Part,
    UploadGone,
)

PIECE_BYTES = 1024 * 1024


@dataclass
class _Upload:
    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryObjects:
    """Objects that forget everything with their process."""

    def __init__(
        self,
        clock: Clock,
        *,
        page_size: int = KEYS_PER_PAGE,
        part_bytes_min: int = PART_BYTES_MIN,
        is_conditional: bool = True,
    ) -> None:
        self._clock = clock
        self._page_size = page_size
        self._part_bytes_min = part_bytes_min
        self._is_conditional = is_conditional
        self.contents: dict[str, bytes] = {}
        self._infos: dict[str, ObjectInfo] = {}
        self.uploads: dict[str, _Upload] = {}
        self.part_sizes: list[int] = []
        """Of the parts of what was completed last."""

    @property
    def name(self) -> str:
        return "memory"

    @property
    def is_conditional(self) -> bool:
        return self._is_conditional

    async def start(self) -> None: ...

    async def check(self) -> None: ...

    async def close(self) -> None: ...

    async def get(self, key: str) -> Content | None:
        found = self.contents.get(key)
        if found is None:
            return None
        info = self._infos[key]
        return Content(found, info.etag, (self._clock.now() - info.modified).total_seconds())

    async def read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        content = self.contents[key][start:end]
        for at in range(0, len(content), PIECE_BYTES):
            yield content[at : at + PIECE_BYTES]

    async def head(self, key: str) -> ObjectInfo | None:
        return self._infos.get(key)

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        content = body if isinstance(body, bytes) else await _whole(body)
        if condition is not None and self._is_conditional:
            present = self._infos.get(key)
            if condition != (ABSENT if present is None else present.etag):
                raise ConditionFailed
        return self._keep(key, content)

    def _keep(self, key: str, content: bytes) -> str:
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        self.contents[key] = content
        self._infos[key] = ObjectInfo(key, len(content), self._clock.now(), etag)
        return etag

    async def copy(self, source: ObjectInfo, target: str) -> None:
        if self._infos.get(source.key, source._replace(etag="")).etag != source.etag:
            raise ConditionFailed
        self._keep(target, self.contents[source.key])

    async def delete(self, key: str) -> None:
        self.contents.pop(key, None)
        self._infos.pop(key, None)

    async def delete_all(self, keys: Sequence[str]) -> None:
        assert len(keys) <= KEYS_PER_PAGE
        for key in keys:
            await self.delete(key)

    async def page(
        self,
        prefix: str,
        *,
        after: str = "",
        more: str | None = None,
        deep: bool = True,
        limit: int | None = None,
    ) -> Page:
        point = after if more is None else more
        size = min(limit or self._page_size, self._page_size)
        objects: list[ObjectInfo] = []
        folders: list[str] = []
        keys = sorted(self.contents)
        for key in keys[bisect_right(keys, point) :]:
            if not key.startswith(prefix):
                continue
            folder = "" if deep else _folder(key, prefix)
            if folder and (folder in folders or folder == point or point.startswith(folder)):
                continue
            if len(objects) + len(folders) == size:
                return Page(objects, folders, max([*(o.key for o in objects), *folders]))
            if folder:
                folders.append(folder)
            else:
                objects.append(self._infos[key])
        return Page(objects, folders, None)

    async def start_upload(self, key: str) -> str:
        upload = self._clock.new_id()
        self.uploads[upload] = _Upload(key)
        return upload

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        return self._part(key, upload, number, await _whole(body))

    async def copy_part(
        self, key: str, upload: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Part:
        if self._infos.get(source.key, source._replace(etag="")).etag != source.etag:
            raise ConditionFailed
        return self._part(key, upload, number, self.contents[source.key][start:end])

    def _part(self, key: str, upload: str, number: int, content: bytes) -> Part:
        if upload not in self.uploads:
            raise UploadGone
        assert self.uploads[upload].key == key
        assert 1 <= number <= 10_000
        self.uploads[upload].parts[number] = content
        return Part(number, len(content), _etag(content))

    async def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        if upload not in self.uploads:
            raise UploadGone
        sent = self.uploads[upload].parts
        numbers = [part.number for part in parts]
        assert numbers == sorted(set(numbers))
        assert [part.etag for part in parts] == [_etag(sent[number]) for number in numbers]
        self.part_sizes = [len(sent[number]) for number in numbers]
        assert all(size >= self._part_bytes_min for size in self.part_sizes[:-1])
        del self.uploads[upload]
        self._keep(key, b"".join(sent[number] for number in numbers))

    async def abort(self, key: str, upload: str) -> None:
        self.uploads.pop(upload, None)

    async def url(self, key: str, lifetime_s: int, method: str) -> str | None:
        return None


_: type[Objects] = MemoryObjects


def object_store_driver(objects: Objects, clock: Clock) -> ObjectStoreDriver:
    """A driver with parts of 5 MiB and copies in parts above 10 MiB, four buffers in all."""
    part = PART_BYTES_MIN
    return ObjectStoreDriver(
        objects,
        clock,
        Buffers(4 * part, part),
        Copier(objects, 2 * part, part, 4),
        root="some/folder",
        first_part=part,
    )


async def _whole(body: Body) -> bytes:
    content = b"".join([bytes(piece) async for piece in body.pieces()])
    assert len(content) == body.size
    return content


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _folder(key: str, prefix: str) -> str:
    name, slash, _ = key[len(prefix) :].partition("/")
    return f"{prefix}{name}/" if slash else ""

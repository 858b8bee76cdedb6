"""Objects: what a driver asks of an object store, whichever it is.

Keys, not paths; no folders; no session. A store answers for one bucket. What it cannot do now it
raises as StorageUnavailable or OutOfSpace, after its own retries.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

ABSENT: Final = "absent"
"""As the condition of a `put`: only where there is no object yet."""


class ConditionFailed(Exception):
    """The object is not what the condition of a write says."""


class UploadGone(Exception):
    """There is no such multipart upload: it was completed or aborted."""


class ObjectInfo(NamedTuple):
    """What a store tells of an object. The etag changes with the content."""

    key: str
    size: int
    modified: datetime
    etag: str


class Content(NamedTuple):
    """A whole object, and the etag of exactly that content.

    `age_s` are the seconds since it was written, by the store's clock; 0 where it does not tell.
    """

    content: bytes
    etag: str
    age_s: float = 0.0


class Part(NamedTuple):
    """A part of a multipart upload that the store has taken."""

    number: int
    size: int
    etag: str


class Page(NamedTuple):
    """Some keys in byte order; `folders` end with the delimiter. `more` asks for the next page."""

    objects: Sequence[ObjectInfo]
    folders: Sequence[str]
    more: str | None

    @property
    def last(self) -> str:
        """The highest key of the page; empty for an empty page."""
        keys = [self.objects[-1].key] if self.objects else []
        return max([*keys, *self.folders[-1:]], default="")


class Body(Protocol):
    """Bytes to send, as often as it takes."""

    @property
    def size(self) -> int:
        """How many."""

    async def sha256(self) -> str:
        """Their digest in hexadecimal."""

    def pieces(self) -> AsyncIterator[bytes | memoryview]:
        """All of them from the beginning, in pieces that fit the network."""


class Objects(Protocol):
    """One bucket. Every method may raise StorageError."""

    @property
    def name(self) -> str:
        """The name of the driver in the configuration."""

    @property
    def is_conditional(self) -> bool:
        """Whether the store keeps the conditions of writes, as far as is known."""

    async def start(self) -> None:
        """Look whether the bucket is there and what the store can do."""

    async def check(self) -> None:
        """Return if the bucket can be asked now."""

    async def get(self, key: str) -> Content | None:
        """A small object; None when there is none."""

    def read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to before `end` (None: the end), at most 1 MiB at a time.

        The first step raises KeyError when there is no object. Past its end there is nothing.
        """

    async def head(self, key: str) -> ObjectInfo | None:
        """What the store tells of an object; None when there is none."""

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        """Make or replace an object, whole or not at all; its etag.

        `condition` is ABSENT, or the etag that the object must have. Raises ConditionFailed.
        """

    async def copy(self, source: ObjectInfo, target: str) -> None:
        """Copy an object within the bucket, if its etag is still this. Raises ConditionFailed."""

    async def delete(self, key: str) -> None:
        """Absent is no error."""

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Up to KEYS_PER_PAGE of them at once."""

    async def page(
        self,
        prefix: str,
        *,
        after: str = "",
        more: str | None = None,
        deep: bool = True,
        limit: int | None = None,
    ) -> Page:
        """Keys with the prefix, behind `after`; not `deep`: cut behind the next slash."""

    async def start_upload(self, key: str) -> str:
        """Begin a multipart upload; its id."""

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        """Raises UploadGone."""

    async def copy_part(
        self, key: str, upload: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Part:
        """The bytes from `start` up to before `end` of another object. Raises UploadGone."""

    async def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts. Raises UploadGone, also when it was completed before."""

    async def abort(self, key: str, upload: str) -> None:
        """Take an upload away with its parts; absent is no error."""

    async def url(self, key: str, lifetime_s: int, method: str) -> str | None:
        """An address where anybody may GET or HEAD the object for so long; None if there is none.

        Does not ask whether the object is there.
        """

    async def close(self) -> None:
        """Give the connections back."""


KEYS_PER_PAGE: Final = 1000
"""Keys that a page holds at most, and that are deleted at once."""

KEY_BYTES_MAX: Final = 1024
"""Bytes of a key in every store of this kind."""

"""AzureContainer: the requests that are made to Azure Blob Storage, one method each.

A multipart upload is a block blob in the making: its parts are blocks that nobody sees until a
list of them is put. Whoever puts a list at a blob throws away the blocks that are not in it, also
those of somebody else who is about to put the same blob; then he came first, and was replaced.
Which requests an operation takes is a table in `docs/object-storage.md`.
"""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Final, TypeVar

from layerstore.clock import Clock
from layerstore.storage.azure.address import Address, Query
from layerstore.storage.azure.answers import (
    OCTET_STREAM,
    UNFINISHED,
    AnswerUnreadable,
    block_list,
    key_wanted,
    lent_key,
    modified_of,
    page_of,
    uncommitted_blocks,
)
from layerstore.storage.azure.appended import make_of_blocks
from layerstore.storage.azure.authority import Asked, Authority
from layerstore.storage.azure.shown import UrlSigner
from layerstore.storage.azure.signature import VERSION, LentKey, moment
from layerstore.storage.driver import OutOfSpace, StorageUnavailable
from layerstore.storage.objects.http import ANSWER_S, Answer, HttpClient, Opened
from layerstore.storage.objects.patience import Patience, Trouble
from layerstore.storage.objects.reading import read
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
from layerstore.storage.objects.together import side_by_side

NAME: Final = "azure"

JOINING_S: Final = 900.0
"""Seconds that the store may take to join blocks, or to copy."""

_PASSING_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
_OTHER_TYPE: Final = "InvalidBlobType"
_NO_CONTAINER: Final = frozenset({"ContainerNotFound", "ContainerBeingDeleted"})
_MEANT: Final = frozenset(
    {
        *("ConditionNotMet", "TargetConditionNotMet", "SourceConditionNotMet"),
        *("BlobAlreadyExists", "InvalidBlockList", _OTHER_TYPE),
    }
)
"""Refusals that say how things stand, not that something is wrong."""

_FULL: Final = "AccountLimitExceeded"

T = TypeVar("T")


class AzureContainer:
    """Objects in a container of Azure Blob Storage."""

    def __init__(
        self,
        address: Address,
        authority: Authority,
        clock: Clock,
        http: HttpClient,
        patience: Patience,
        *,
        user_agent: str = "layerstore",
    ) -> None:
        self._address = address
        self._authority = authority
        self._clock = clock
        self._http = http
        self._patience = patience
        self._user_agent = user_agent
        self.signer: UrlSigner | None = None
        """Who signs addresses for clients, if anybody can."""

    @property
    def name(self) -> str:
        return NAME

    @property
    def is_conditional(self) -> bool:
        return True

    async def start(self) -> None:
        await self.check()

    async def check(self) -> None:
        await self.page("", limit=1)

    async def get(self, key: str) -> Content | None:
        answer = await self._ask("GET", key)
        if self.is_absent(key, answer):
            return None
        return Content(answer.content, answer.headers.get("ETag", ""), answer.age_s)

    def read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        return read(self, self._patience, key, start, end)

    @asynccontextmanager
    async def open(self, key: str, span: str, version: str) -> AsyncGenerator[Opened, None]:
        headers = {"if-match": version} if version else {}
        if span:
            headers["x-ms-range"] = span
        url, sent = await self._sent("GET", self._address.path(key), (), headers, 0)
        async with self._http.open("GET", url, sent) as opened:
            yield opened

    def version(self, opened: Opened) -> str:
        return opened.headers.get("ETag", "")

    def is_absent(self, key: str, answer: Answer) -> bool:
        answer = self._judged(key, answer)
        return answer.status in (404, 412) or answer.headers.get("Content-Type") == UNFINISHED

    async def head(self, key: str) -> ObjectInfo | None:
        answer = await self._ask("HEAD", key)
        if self.is_absent(key, answer):
            return None
        headers = answer.headers
        return ObjectInfo(
            key,
            int(headers.get("Content-Length", "0")),
            modified_of(headers.get("Last-Modified")),
            headers.get("ETag", ""),
        )

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "x-ms-blob-content-type": OCTET_STREAM,
            **_only_if(condition),
        }
        answer = await self._replace(key, headers=headers, body=body)
        if answer.status == 404 and condition in (None, ABSENT):
            raise self._failure(key, answer, _code(answer))
        if not _is_good(answer):
            raise ConditionFailed
        return answer.headers.get("ETag", "")

    async def copy(self, source: ObjectInfo, target: str) -> None:
        headers = {**await self._from(source), "x-ms-requires-sync": "true"}
        answer = await self._replace(target, headers=headers, within_s=JOINING_S)
        if not _is_good(answer):
            raise ConditionFailed

    async def _replace(
        self,
        key: str,
        *,
        query: Query = (),
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        """Make a blob, or a block of one. A blob of another type has to become one of blocks."""

        async def attempt() -> Answer:
            return await self._ask(
                "PUT", key, query=query, headers=headers, body=body, within_s=within_s
            )

        answer = await attempt()
        if _code(answer) != _OTHER_TYPE:
            return answer
        await make_of_blocks(self, key, self._clock.new_id())
        return await attempt()

    async def _from(self, source: ObjectInfo) -> dict[str, str]:
        try:
            headers = await self._authority.source(source.key, self._clock.now())
        except Trouble as trouble:
            raise StorageUnavailable(NAME, f"/{source.key}", trouble.reason) from None
        return {**headers, "x-ms-source-if-match": source.etag}

    async def delete(self, key: str, etag: str = "") -> None:
        """With an etag only what has it."""
        headers = {"x-ms-delete-snapshots": "include", **({"if-match": etag} if etag else {})}
        await self._ask("DELETE", key, headers=headers)

    async def delete_all(self, keys: Sequence[str]) -> None:
        await side_by_side(self.delete, keys)

    async def page(
        self,
        prefix: str,
        *,
        after: str = "",
        more: str | None = None,
        deep: bool = True,
        limit: int | None = None,
    ) -> Page:
        """The store cannot begin behind a key: pages that end before it are passed over."""
        page = await self._listed(prefix, more, deep, None if after else limit)
        if not after or more is not None:
            return page
        while page.more is not None and page.last <= after:
            page = await self._listed(prefix, page.more, deep, None)
        objects = [item for item in page.objects if item.key > after]
        folders = [folder for folder in page.folders if folder > after]
        return Page(objects, folders, page.more)

    async def _listed(self, prefix: str, more: str | None, deep: bool, limit: int | None) -> Page:
        query = [
            ("restype", "container"),
            ("comp", "list"),
            ("prefix", prefix),
            ("maxresults", str(limit or KEYS_PER_PAGE)),
        ]
        if not deep:
            query.append(("delimiter", "/"))
        if more is not None:
            query.append(("marker", more))
        answer = await self._ask("GET", "", query=query)
        return self._read(prefix, page_of, answer)

    async def start_upload(self, key: str) -> str:
        """There is nothing to ask for: whatever blocks have this id belong to it."""
        return self._clock.new_id()

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        block = _block(upload, number)
        query = [("comp", "block"), ("blockid", block)]
        await self._replace(key, query=query, headers={}, body=body)
        return Part(number, body.size, block)

    async def copy_part(
        self, key: str, upload: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Part:
        block = _block(upload, number)
        answer = await self._replace(
            key,
            query=[("comp", "block"), ("blockid", block)],
            headers={**await self._from(source), "x-ms-source-range": f"bytes={start}-{end - 1}"},
            within_s=JOINING_S,
        )
        if not _is_good(answer):
            raise ConditionFailed
        return Part(number, end - start, block)

    async def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        answer = await self._put_list(key, OCTET_STREAM, [part.etag for part in parts])
        if not _is_good(answer):
            raise UploadGone

    async def _put_list(
        self, key: str, kind: str, blocks: Sequence[str], condition: str | None = None
    ) -> Answer:
        return await self._replace(
            key,
            query=[("comp", "blocklist")],
            headers={
                "x-ms-blob-content-type": kind,
                "content-type": "application/xml",
                **_only_if(condition),
            },
            body=block_list(blocks),
            within_s=JOINING_S,
        )

    async def abort(self, key: str, upload: str) -> None:
        """Blocks go when a list is put that names none. That is a blob, which is hidden and goes.

        Where there is a blob already, or blocks of somebody else, they stay until the store
        throws them away after a week.
        """
        query = [("comp", "blocklist"), ("blocklisttype", "uncommitted")]
        answer = await self._ask("GET", key, query=query)
        blocks = self._read(key, uncommitted_blocks, answer) if _is_good(answer) else []
        if not blocks or not all(block.startswith(_beginning(upload)) for block in blocks):
            return
        made = await self._put_list(key, UNFINISHED, (), ABSENT)
        if _is_good(made):
            await self.delete(key, made.headers.get("ETag", ""))

    async def url(self, key: str, lifetime_s: int, method: str) -> str | None:
        if self.signer is None:
            return None
        try:
            query = await self.signer.query(key, lifetime_s)
        except Trouble as trouble:
            raise StorageUnavailable(NAME, f"/{key}", trouble.reason) from None
        return self._address.url(self._address.path(key), query)

    async def borrow(self, start: datetime, end: datetime) -> LentKey:
        """A key that whoever asks may sign addresses with."""
        query = [("restype", "service"), ("comp", "userdelegationkey")]
        headers = {"content-type": "application/xml"}
        body = key_wanted(moment(start), moment(end))
        answer = await self._ask(
            "POST", "", path=self._address.service_path, query=query, headers=headers, body=body
        )
        return self._read("", lent_key, answer)

    async def close(self) -> None:
        await self._http.close()

    async def _ask(
        self,
        method: str,
        key: str,
        *,
        path: str = "",
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        """The answer: a good one, or one of the refusals that mean something here."""
        asked_path = path or self._address.path(key)
        size = len(body) if isinstance(body, bytes) else body.size

        async def attempt() -> Answer:
            url, sent = await self._sent(method, asked_path, query, headers or {}, size)
            return self._judged(key, await self._http.ask(method, url, sent, body, within_s))

        return await self._patience.call(key, attempt)

    async def _sent(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], size: int
    ) -> tuple[str, dict[str, str]]:
        dated = {
            **headers,
            "x-ms-date": format_datetime(self._clock.now(), usegmt=True),
            "x-ms-version": VERSION,
        }
        text, sent = await self._authority.sent(Asked(method, path, query, dated, size))
        return self._address.url(path, text), {**sent, "user-agent": self._user_agent}

    def _judged(self, key: str, answer: Answer) -> Answer:
        code = _code(answer)
        if code in _NO_CONTAINER:
            raise StorageUnavailable(NAME, f"/{key}", "there is no such container")
        if answer.status in _PASSING_STATUSES:
            raise self._failure(key, answer, code)
        if _is_good(answer) or answer.status == 404 or code in _MEANT:
            return answer
        raise self._failure(key, answer, code)

    def _failure(self, key: str, answer: Answer, code: str) -> Exception:
        """What to raise for an answer that is no good."""
        reason = f"the store answers {answer.status} {code}".rstrip()
        if answer.status == 401:
            self._authority.expired()
            return Trouble(reason)
        if code == _FULL:
            return OutOfSpace(NAME, f"/{key}")
        if answer.status in _PASSING_STATUSES:
            return Trouble(reason)
        return StorageUnavailable(NAME, f"/{key}", reason)

    def _read(self, key: str, reader: Callable[[bytes], T], answer: Answer) -> T:
        try:
            return reader(answer.content)
        except AnswerUnreadable as error:
            reason = "the store's answer is not that of Azure"
            raise StorageUnavailable(NAME, f"/{key}", reason) from error


_: type[Objects] = AzureContainer


def _is_good(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _code(answer: Answer) -> str:
    code = answer.headers.get("x-ms-error-code", "")
    return code if code.isalnum() else ""


def _only_if(condition: str | None) -> dict[str, str]:
    if condition is None:
        return {}
    return {"if-none-match": "*"} if condition == ABSENT else {"if-match": condition}


def _beginning(upload: str) -> str:
    """How the ids of its blocks begin: the id has as many bytes as three divides."""
    return b64encode(upload.encode()).decode()


def _block(upload: str, number: int) -> str:
    """The ids of all blocks of a blob are of one length."""
    return b64encode(f"{upload}-{number:05}".encode()).decode()

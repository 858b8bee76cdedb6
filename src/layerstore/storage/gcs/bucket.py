"""GcsBucket: the requests that are made to Google Cloud Storage, one method each (JSON API).

A multipart upload is made of what there is: parts are objects that nobody takes for files, and
they are composed, 32 at a time. One more object says that the upload lives; who sends a part looks
for it afterwards, so that no part stays of an upload that was completed or aborted.
Which requests an operation takes is a table in `docs/object-storage.md`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from layerstore.clock import Clock
from layerstore.storage.driver import StorageUnavailable
from layerstore.storage.gcs.address import Address, Query
from layerstore.storage.gcs.answers import (
    OCTET_STREAM,
    UPLOAD_SESSION,
    AnswerUnreadable,
    Described,
    bucket_is_absent,
    composition,
    described,
    page_of,
    reason_of,
    rewritten,
)
from layerstore.storage.gcs.credentials import Identity
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

NAME: Final = "gcs"

COMPOSED_MAX: Final = 32
"""Objects that are composed in one request."""

JOINING_S: Final = 900.0
"""Seconds that the store may take to compose, or for a step of a copy."""

ATTEMPTS_MAX: Final = 8
"""Times that one call is tried: some seconds, for a throttled object is let alone for one."""

PART: Final = "!part"
"""How the keys of parts end, so that a lifecycle rule of the bucket can name them."""

_JSON: Final = {"content-type": "application/json"}
_BINARY: Final = {"content-type": OCTET_STREAM}
_PASSING_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})
_PASSING: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "backendError"})
_NOT_THERE: Final = frozenset({404, 412})

T = TypeVar("T")


class GcsBucket:
    """Objects in a bucket of Google Cloud Storage. An etag is a generation."""

    def __init__(
        self,
        address: Address,
        identity: Identity,
        clock: Clock,
        http: HttpClient,
        *,
        user_agent: str = "layerstore",
    ) -> None:
        self._address = address
        self._identity = identity
        self._clock = clock
        self._http = http
        self._user_agent = user_agent
        self._patience = Patience(NAME, clock, ATTEMPTS_MAX)

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
        answer = await self._ask("GET", key, self._address.object(key, [("alt", "media")]))
        if self.is_absent(key, answer):
            return None
        return Content(answer.content, answer.headers.get("X-Goog-Generation", ""), answer.age_s)

    def read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        return read(self, self._patience, key, start, end)

    @asynccontextmanager
    async def open(self, key: str, span: str, version: str) -> AsyncGenerator[Opened, None]:
        query = [("alt", "media")]
        if version:
            query.append(("generation", version))
        headers = await self._headers({"range": span} if span else {})
        async with self._http.open("GET", self._address.object(key, query), headers) as opened:
            yield opened

    def version(self, opened: Opened) -> str:
        return opened.headers.get("X-Goog-Generation", "")

    def is_absent(self, key: str, answer: Answer) -> bool:
        answer = self._judged(key, answer)
        return answer.status == 404 or answer.headers.get("Content-Type") == UPLOAD_SESSION

    async def head(self, key: str) -> ObjectInfo | None:
        answer = await self._ask("GET", key, self._address.object(key))
        if answer.status == 404:
            return None
        found = self._read(key, described, answer)
        return found.info() if found.is_file else None

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        query: Query = ()
        if condition is not None:
            query = [("ifGenerationMatch", "0" if condition == ABSENT else condition)]
        answer = await self._ask(
            "POST", key, self._address.upload(key, query), headers=_BINARY, body=body
        )
        if answer.status == 404 and condition in (None, ABSENT):
            raise self._failure(key, answer)
        if answer.status in _NOT_THERE:
            raise ConditionFailed
        return self._read(key, described, answer).generation

    async def copy(self, source: ObjectInfo, target: str) -> None:
        await self._rewrite(source, target)

    async def _rewrite(self, source: ObjectInfo, target: str) -> Described:
        """A copy of any size; the store asks to be asked again while it is at work."""
        token = ""
        while True:
            query = [("sourceGeneration", source.etag)]
            if token:
                query.append(("rewriteToken", token))
            answer = await self._ask(
                "POST",
                target,
                self._address.rewrite(source.key, target, query),
                headers=_JSON,
                within_s=JOINING_S,
            )
            if answer.status in _NOT_THERE:
                raise ConditionFailed
            came = self._read(target, rewritten, answer)
            if came.done and came.resource is not None:
                return came.resource
            token = came.rewrite_token

    async def delete(self, key: str) -> None:
        await self._ask("DELETE", key, self._address.object(key))

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
        query = [("prefix", prefix), ("maxResults", str(limit or KEYS_PER_PAGE))]
        if not deep:
            query.append(("delimiter", "/"))
        if more is not None:
            query.append(("pageToken", more))
        elif after:
            query.append(("startOffset", after))
        answer = await self._ask("GET", prefix, self._address.listing(query))
        if answer.status == 404:
            raise StorageUnavailable(NAME, f"/{prefix}", "there is no such bucket")
        page = self._read(prefix, page_of, answer)
        if page.objects and page.objects[0].key == after:
            return page._replace(objects=page.objects[1:])
        return page

    async def start_upload(self, key: str) -> str:
        upload = self._clock.new_id()
        await self.put(_marker(key, upload), b"")
        return upload

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        name = self._part_name(key, upload, number)
        generation = await self.put(name, body)
        await self._check_living(key, upload, name)
        return Part(number, body.size, f"{name}@{generation}")

    async def copy_part(
        self, key: str, upload: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Part:
        assert (start, end) == (0, source.size), "the store copies no spans"
        name = self._part_name(key, upload, number)
        made = await self._rewrite(source, name)
        await self._check_living(key, upload, name)
        return Part(number, source.size, f"{name}@{made.generation}")

    def _part_name(self, key: str, upload: str, number: int) -> str:
        """Another one for everybody who sends a part of that number."""
        return _part(key, upload, f"{number:05}-{self._clock.token(6).hex()}")

    async def _check_living(self, key: str, upload: str, part: str) -> None:
        if await self.head(_marker(key, upload)) is None:
            await self.delete(part)
            raise UploadGone

    async def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        if await self.head(_marker(key, upload)) is None:
            raise UploadGone
        level = 0
        while len(parts) > COMPOSED_MAX:
            level += 1
            parts = await self._composed(key, upload, level, parts)
        await self._compose((key, parts))
        await self.abort(key, upload)

    async def _composed(
        self, key: str, upload: str, level: int, parts: Sequence[Part]
    ) -> Sequence[Part]:
        """Fewer and larger parts with the same bytes."""
        groups = [
            (_part(key, upload, f"{level}-{start:05}"), parts[start : start + COMPOSED_MAX])
            for start in range(0, len(parts), COMPOSED_MAX)
        ]
        return await side_by_side(self._compose, groups)

    async def _compose(self, made_of: tuple[str, Sequence[Part]]) -> Part:
        key, parts = made_of
        answer = await self._ask(
            "POST",
            key,
            self._address.compose(key),
            headers=_JSON,
            body=composition(parts),
            within_s=JOINING_S,
        )
        if answer.status in _NOT_THERE:
            raise UploadGone
        made = self._read(key, described, answer)
        return Part(1, int(made.size), f"{key}@{made.generation}")

    async def abort(self, key: str, upload: str) -> None:
        marker = _marker(key, upload)
        await self.delete(marker)
        more: str | None = None
        while True:
            page = await self.page(f"{key}!{upload}", more=more)
            await self.delete_all([item.key for item in page.objects])
            if page.more is None:
                return
            more = page.more

    async def url(self, key: str, lifetime_s: int, method: str) -> str | None:
        account = self._identity.key
        if account is None:
            return None
        path = self._address.public_path(key)
        now = self._clock.now()
        query = account.query(method, self._address.host, path, now, lifetime_s)
        return f"{self._address.endpoint}{path}?{query}"

    async def close(self) -> None:
        await self._http.close()

    async def _ask(
        self,
        method: str,
        key: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        """The answer, which is 2xx, 404 or 412; everything else is raised."""

        async def attempt() -> Answer:
            sent = await self._headers(headers or {})
            return self._judged(key, await self._http.ask(method, url, sent, body, within_s))

        return await self._patience.call(key, attempt)

    async def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {**headers, **await self._identity.header(), "user-agent": self._user_agent}

    def _judged(self, key: str, answer: Answer) -> Answer:
        if answer.status in (200, 204, 206, 412):
            return answer
        if answer.status == 404:
            if bucket_is_absent(answer.content):
                raise StorageUnavailable(NAME, f"/{key}", "there is no such bucket")
            return answer
        raise self._failure(key, answer)

    def _failure(self, key: str, answer: Answer) -> Exception:
        """What to raise for an answer that is no good."""
        word = reason_of(answer.content)
        reason = f"the store answers {answer.status} {word}".rstrip()
        if answer.status == 401:
            self._identity.expired()
            return Trouble(reason)
        if answer.status in _PASSING_STATUSES or word in _PASSING:
            return Trouble(reason)
        return StorageUnavailable(NAME, f"/{key}", reason)

    def _read(self, key: str, reader: Callable[[bytes], T], answer: Answer) -> T:
        try:
            return reader(answer.content)
        except AnswerUnreadable as error:
            reason = "the store's answer is not that of Google Cloud Storage"
            raise StorageUnavailable(NAME, f"/{key}", reason) from error


_: type[Objects] = GcsBucket


def _marker(key: str, upload: str) -> str:
    return f"{key}!{upload}{PART}"


def _part(key: str, upload: str, which: str) -> str:
    return f"{key}!{upload}-{which}{PART}"

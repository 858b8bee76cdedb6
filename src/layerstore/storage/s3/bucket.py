"""S3Bucket: the requests that are made to S3, one method each.

Everything that is asked is signed here, tried again here, and what S3 answers is judged here.
Which requests an operation takes is a table in `docs/object-storage.md`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar

from layerstore.clock import Clock
from layerstore.storage.driver import OutOfSpace, StorageUnavailable
from layerstore.storage.objects.adopting import Foreign
from layerstore.storage.objects.http import ANSWER_S, Answer, HttpClient, Opened
from layerstore.storage.objects.patience import Patience, Trouble
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
from layerstore.storage.s3.address import Address
from layerstore.storage.s3.answers import (
    Answered,
    AnswerUnreadable,
    completion,
    content_md5,
    deletion,
    error_code,
    latest_upload,
    meaning,
    modified_of,
    page_of,
    parts_of,
    refused_deletes,
)
from layerstore.storage.s3.credentials import CredentialSource
from layerstore.storage.s3.settings import NewObjects
from layerstore.storage.s3.signature import (
    EMPTY_SHA256,
    UNSIGNED,
    Query,
    Signer,
    Target,
    encoded,
    query_text,
)

NAME: Final = "s3"
PIECE_BYTES: Final = 1024 * 1024

JOINING_S: Final = 900.0
"""Seconds that the store may take to join parts, or to copy."""

_UPLOAD_GONE: Final = "NoSuchUpload"
_NOT_THERE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", _UPLOAD_GONE})
"""What a store that answers 404 says of an object; other words are about us, or the bucket."""

_PASSING: Final = frozenset(
    {
        "RequestTimeout",
        "InternalError",
        "SlowDown",
        "ServiceUnavailable",
        "ExpiredToken",
        "ConditionalRequestConflict",
        "OperationAborted",
    }
)
_PASSING_STATUSES: Final = frozenset({429, 500, 502, 503, 504})
_FULL: Final = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"})

T = TypeVar("T")


class S3Bucket:
    """Objects in a bucket of S3."""

    def __init__(
        self,
        bucket: str,
        address: Address,
        shown: Address,
        signer: Signer,
        credentials: CredentialSource,
        clock: Clock,
        http: HttpClient,
        *,
        new_objects: NewObjects | None = None,
        user_agent: str = "layerstore",
        root: str = "",
    ) -> None:
        """`shown` is where clients are sent. `root` is what all keys begin with: the credentials
        may be good for nothing else.
        """
        self._address = address
        self._shown = shown
        self._signer = signer
        self._credentials = credentials
        self._clock = clock
        self._http = http
        self._new = (new_objects or NewObjects()).headers()
        self._user_agent = user_agent
        self._root = root
        self._patience = Patience(NAME, clock)
        self._bucket_path = address.path("").rstrip("/")
        self._source_base = f"/{bucket}/"
        self._is_conditional = True

    @property
    def name(self) -> str:
        return NAME

    @property
    def is_conditional(self) -> bool:
        return self._is_conditional

    async def start(self) -> None:
        await self.check()
        key = f"{self._root}layerstore/probe-{self._clock.new_id()}"
        try:
            await self.put(key, b"", ABSENT)
            self._is_conditional = await self._refuses_twice(key)
        finally:
            await self.delete(key)

    async def _refuses_twice(self, key: str) -> bool:
        for condition in (ABSENT, '"00000000000000000000000000000000"'):
            try:
                await self.put(key, b"twice", condition)
            except ConditionFailed:
                continue
            return False
        return True

    async def check(self) -> None:
        await self.page(self._root, limit=1)

    async def get(self, key: str) -> Content | None:
        answer = await self._ask("GET", key)
        if answer.status == 404:
            return None
        return Content(answer.content, answer.headers.get("ETag", ""), answer.age_s)

    async def read(self, key: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        turn, etag = 0, ""
        while end is None or start < end:
            self._patience.check(key)
            try:
                headers = _range(start, end, etag)
                target = self._target("GET", key)
                async with self._http.open(
                    "GET", self._url(target), await self._signed(target, headers, EMPTY_SHA256)
                ) as opened:
                    if not await self._has_content(key, opened, start):
                        return
                    self._patience.answered()
                    etag = etag or opened.headers.get("ETag", "")
                    async for chunk in opened.chunks:
                        turn = 0
                        for at in range(0, len(chunk), PIECE_BYTES):
                            piece = chunk[at : at + PIECE_BYTES]
                            start += len(piece)
                            yield piece
                    return
            except Trouble as trouble:
                await self._patience.failed(key, trouble, turn)
                turn += 1

    async def _has_content(self, key: str, opened: Opened, start: int) -> bool:
        """Whether what was asked for comes; nothing does from behind the end of an object."""
        if opened.status == 206 or (opened.status == 200 and start == 0):
            return True
        content = b"".join([chunk async for chunk in opened.chunks])
        if opened.status == 416:
            return False
        if opened.status == 404:
            self._check_absent(key, content)
            raise KeyError(key)
        if opened.status == 200:
            raise StorageUnavailable(NAME, f"/{key}", "the store does not know spans")
        raise self._failure(key, Answer(opened.status, opened.headers, content))

    async def head(self, key: str) -> ObjectInfo | None:
        answer = await self._ask("HEAD", key)
        if answer.status == 404:
            return None
        headers = answer.headers
        return ObjectInfo(
            key,
            int(headers.get("Content-Length", "0")),
            modified_of(headers.get("Last-Modified")),
            headers.get("ETag", ""),
        )

    async def put(self, key: str, body: bytes | Body, condition: str | None = None) -> str:
        headers = self._new
        if condition == ABSENT:
            headers = {**headers, "if-none-match": "*"}
        elif condition is not None:
            headers = {**headers, "if-match": condition}
        answer = await self._ask("PUT", key, headers=headers, body=body)
        if answer.status == 404 and condition in (None, ABSENT):
            raise StorageUnavailable(NAME, f"/{key}", "the store answers 404")
        if answer.status in (404, 412):
            raise ConditionFailed
        return answer.headers.get("ETag", "")

    async def copy(self, source: ObjectInfo, target: str) -> None:
        answer = await self._ask(
            "PUT", target, headers={**self._new, **self._from(source)}, within_s=JOINING_S
        )
        if answer.status in (404, 412):
            raise ConditionFailed

    def _from(self, source: ObjectInfo) -> dict[str, str]:
        return {
            "x-amz-copy-source": encoded(f"{self._source_base}{source.key}", "/"),
            "x-amz-copy-source-if-match": source.etag,
        }

    async def delete(self, key: str) -> None:
        await self._ask("DELETE", key)

    async def delete_all(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        body = deletion(keys)
        headers = {"content-md5": content_md5(body), "content-type": "application/xml"}
        answer = await self._ask("POST", "", query=[("delete", "")], headers=headers, body=body)
        refused = self._read(keys[0], refused_deletes, answer)
        if refused:
            raise StorageUnavailable(NAME, f"/{keys[0]}", refused[0])

    async def page(
        self,
        prefix: str,
        *,
        after: str = "",
        more: str | None = None,
        deep: bool = True,
        limit: int | None = None,
    ) -> Page:
        query = [
            ("list-type", "2"),
            ("encoding-type", "url"),
            ("max-keys", str(limit or KEYS_PER_PAGE)),
            ("prefix", prefix),
        ]
        if not deep:
            query.append(("delimiter", "/"))
        if more is not None:
            query.append(("continuation-token", more))
        elif after:
            query.append(("start-after", after))
        answer = await self._ask("GET", "", query=query)
        return self._read(prefix, page_of, answer)

    async def start_upload(self, key: str) -> str:
        answer = await self._ask("POST", key, query=[("uploads", "")], headers=self._new)
        return self._read(key, Answered, answer).text("UploadId")

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        query = [("partNumber", str(number)), ("uploadId", upload)]
        answer = await self._ask("PUT", key, query=query, body=body)
        if answer.status == 404:
            raise UploadGone
        return Part(number, body.size, answer.headers.get("ETag", ""))

    async def copy_part(
        self, key: str, upload: str, number: int, source: ObjectInfo, start: int, end: int
    ) -> Part:
        answer = await self._ask(
            "PUT",
            key,
            query=[("partNumber", str(number)), ("uploadId", upload)],
            headers={
                **self._from(source),
                "x-amz-copy-source-range": f"bytes={start}-{end - 1}",
            },
            within_s=JOINING_S,
        )
        if answer.status == 404:
            raise UploadGone
        if answer.status == 412:
            raise ConditionFailed
        return Part(number, end - start, self._read(key, Answered, answer).text("ETag"))

    async def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        answer = await self._ask(
            "POST",
            key,
            query=[("uploadId", upload)],
            headers={"content-type": "application/xml"},
            body=completion(parts),
            within_s=JOINING_S,
        )
        if answer.status == 404:
            raise UploadGone

    async def abort(self, key: str, upload: str) -> None:
        await self._ask("DELETE", key, query=[("uploadId", upload)])

    async def foreign_upload(self, key: str) -> Foreign | None:
        query = [("uploads", ""), ("prefix", key)]
        answer = await self._ask("GET", "", query=query)
        upload = self._read(key, partial(latest_upload, key=key), answer)
        return None if upload is None else Foreign(upload, await self._parts(key, upload))

    async def _parts(self, key: str, upload: str) -> tuple[Part, ...]:
        found: list[Part] = []
        marker: str | None = ""
        while marker is not None:
            query = [("uploadId", upload)]
            query += [("part-number-marker", marker)] if marker else []
            answer = await self._ask("GET", key, query=query)
            if answer.status == 404:
                return ()
            parts, marker = self._read(key, parts_of, answer)
            found += parts
        return tuple(found)

    async def url(self, key: str, lifetime_s: int, method: str) -> str | None:
        shown = self._shown
        target = Target(method, shown.host, shown.path(key))
        try:
            credentials = await self._credentials.current()
        except Trouble as trouble:
            raise StorageUnavailable(NAME, f"/{key}", trouble.reason) from None
        query = self._signer.query(target, credentials, self._clock.now(), lifetime_s)
        return f"{shown.scheme}://{shown.host}{target.path}?{query}"

    async def close(self) -> None:
        await self._http.close()

    async def _ask(
        self,
        method: str,
        key: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        """The answer, which is 2xx, 404 or 412; everything else is raised."""
        target = self._target(method, key, query)
        url = self._url(target)
        digest = await self._digest(body)

        async def attempt() -> Answer:
            signed = await self._signed(target, headers or {}, digest)
            answer = await self._http.ask(method, url, signed, body, within_s)
            return self._judged(method, key, answer)

        return await self._patience.call(key, attempt)

    def _target(self, method: str, key: str, query: Query = ()) -> Target:
        path = self._address.path(key) if key else self._bucket_path or "/"
        return Target(method, self._address.host, path, query)

    def _url(self, target: Target) -> str:
        query = f"?{query_text(target.query)}" if target.query else ""
        return f"{self._address.scheme}://{target.host}{target.path}{query}"

    async def _digest(self, body: bytes | Body) -> str:
        """TLS protects what is large; on a plain connection the signature does."""
        if isinstance(body, bytes):
            return sha256(body).hexdigest()
        return UNSIGNED if self._address.is_encrypted else await body.sha256()

    async def _signed(
        self, target: Target, headers: Mapping[str, str], digest: str
    ) -> dict[str, str]:
        credentials = await self._credentials.current()
        signed = self._signer.headers(target, headers, digest, credentials, self._clock.now())
        signed["user-agent"] = self._user_agent
        return signed

    def _judged(self, method: str, key: str, answer: Answer) -> Answer:
        """S3 says 200 before it begins to join or copy, and what came of it in the content."""
        is_good = answer.status in (200, 204)
        code = "" if is_good and method == "GET" else error_code(answer.content)
        return answer if is_good and not code else self._refused(key, answer, code)

    def _refused(self, key: str, answer: Answer, code: str) -> Answer:
        if answer.status == 404 or code == _UPLOAD_GONE:
            self._check_absent(key, answer.content)
            return answer._replace(status=404)
        if answer.status == 412:
            return answer
        raise self._failure(key, answer)

    def _check_absent(self, key: str, content: bytes) -> None:
        """Raises StorageUnavailable when a 404 is not about the object, or not from a store."""
        code = error_code(content)
        if code == "NoSuchBucket":
            raise StorageUnavailable(NAME, f"/{key}", "there is no such bucket")
        if content and code not in _NOT_THERE:
            raise StorageUnavailable(NAME, f"/{key}", f"the store answers {meaning(code) or 404}")

    def _failure(self, key: str, answer: Answer) -> Exception:
        """What to raise for an answer that is no good."""
        code = error_code(answer.content)
        if code == "ExpiredToken":
            self._credentials.expired()
        if code in _FULL or answer.status == 507:
            return OutOfSpace(NAME, f"/{key}")
        reason = f"the store answers {meaning(code) or answer.status}"
        if code in _PASSING or answer.status in _PASSING_STATUSES:
            return Trouble(reason)
        return StorageUnavailable(NAME, f"/{key}", reason)

    def _read(self, key: str, reader: Callable[[bytes], T], answer: Answer) -> T:
        try:
            return reader(answer.content)
        except AnswerUnreadable as error:
            raise StorageUnavailable(
                NAME, f"/{key}", "the store's answer is no XML of S3"
            ) from error


_: type[Objects] = S3Bucket


def _range(start: int, end: int | None, etag: str) -> dict[str, str]:
    """Nothing for a whole object, for an empty one has no span."""
    headers = {"if-match": etag} if etag else {}
    if start or end is not None:
        headers["range"] = f"bytes={start}-{'' if end is None else end - 1}"
    return headers

"""Connections to an object store that count what is asked, and fail when they are told to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import parse_qsl, urlsplit

from layerstore.storage.objects.http import ANSWER_S, Answer, HttpClient, Opened
from layerstore.storage.objects.patience import Trouble
from layerstore.storage.objects.store import Body

KINDS = (
    ("uploads", "POST", "CreateMultipartUpload"),
    ("uploadId", "POST", "CompleteMultipartUpload"),
    ("uploadId", "DELETE", "AbortMultipartUpload"),
    ("delete", "POST", "DeleteObjects"),
    ("list-type", "GET", "ListObjectsV2"),
    ("uploads", "GET", "ListMultipartUploads"),
    ("uploadId", "GET", "ListParts"),
)


def kind_of(method: str, url: str, headers: Mapping[str, str]) -> str:
    """What Amazon calls the request."""
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    is_copy = "x-amz-copy-source" in headers
    if "partNumber" in query:
        return "UploadPartCopy" if is_copy else "UploadPart"
    for key, verb, name in KINDS:
        if key in query and method == verb:
            return name
    if is_copy:
        return "CopyObject"
    return {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[
        method
    ]


def gcs_kind_of(method: str, url: str, headers: Mapping[str, str]) -> str:
    """What Google calls the request."""
    parts = urlsplit(url)
    if "/b/" not in parts.path and "/storage/v1/" not in parts.path:
        return "Token"
    of_bucket = parts.path.rpartition("/b/")[2].count("/") == 1
    if "/rewriteTo/" in parts.path:
        return "Rewrite"
    if parts.path.endswith("/compose"):
        return "Compose"
    if method == "GET" and of_bucket:
        return "List"
    if method == "GET":
        return "GetMedia" if "alt=media" in parts.query else "Get"
    return {"POST": "Insert", "DELETE": "Delete"}[method]


def azure_kind_of(method: str, url: str, headers: Mapping[str, str]) -> str:
    """What Microsoft calls the request."""
    part = dict(parse_qsl(urlsplit(url).query)).get("comp", "")
    if part == "list":
        return "ListBlobs"
    if part == "blocklist":
        return "GetBlockList" if method == "GET" else "PutBlockList"
    is_copy = "x-ms-copy-source" in headers
    if part == "block":
        return "PutBlockFromURL" if is_copy else "PutBlock"
    if is_copy:
        return "CopyBlobFromURL"
    kinds = {"GET": "GetBlob", "HEAD": "GetBlobProperties", "PUT": "PutBlob"}
    return kinds.get(method, "DeleteBlob")


KindOf = Callable[[str, str, Mapping[str, str]], str]


class Asked:
    """One request."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.path = urlsplit(url).path
        self.url = url


Meddle = Callable[[Asked], Answer | None]


class MeddlingClient(HttpClient):
    """An HttpClient that keeps account.

    `before` may answer in the store's place, or raise Trouble; `after` may raise Trouble when the
    store has done what was asked, as if its answer was lost.
    """

    def __init__(self, kind_of: KindOf = kind_of) -> None:
        """`kind_of` names a request."""
        super().__init__()
        self._kind_of = kind_of
        self.asked: list[Asked] = []
        self.turns = 0
        """How often nobody else asked when somebody began to."""
        self._asking = 0
        self.before: Meddle = lambda asked: None
        self.after: Meddle = lambda asked: None
        self.breaks_after: int | None = None
        """Bytes of a streamed answer after which its connection breaks."""

    def counted(self) -> Counter[str]:
        """How often each kind was asked since the last time, and start anew."""
        found = Counter(asked.kind for asked in self.asked)
        self.asked.clear()
        self.turns = 0
        return found

    @contextmanager
    def _counting(self, asked: Asked) -> Iterator[None]:
        self.asked.append(asked)
        self.turns += self._asking == 0
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        asked = Asked(self._kind_of(method, url, headers), url)
        with self._counting(asked):
            instead = self.before(asked)
            answer = instead or await super().ask(method, url, headers, body, within_s)
            return self.after(asked) or answer

    @asynccontextmanager
    async def open(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> AsyncGenerator[Opened, None]:
        asked = Asked(self._kind_of(method, url, headers), url)
        with self._counting(asked):
            self.before(asked)
            async with super().open(method, url, headers) as opened:
                self.after(asked)
                yield opened._replace(chunks=self._breaking(opened.chunks))

    async def _breaking(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self.breaks_after
        async for chunk in chunks:
            if left is not None and len(chunk) > left:
                yield chunk[:left]
                raise Trouble("the connection to the store broke")
            left = None if left is None else left - len(chunk)
            yield chunk


def refused(status: int, code: str) -> Answer:
    """An error in the words of S3."""
    return Answer(status, {}, f"<Error><Code>{code}</Code></Error>".encode())


def sometimes(kind: str, times: int, answer: Answer | Trouble) -> Meddle:
    """Do it to the first so many requests of a kind (a pattern); to all with -1."""
    left = [times]

    def meddle(asked: Asked) -> Answer | None:
        if left[0] == 0 or re.fullmatch(kind, asked.kind) is None:
            return None
        left[0] -= 1
        if isinstance(answer, Trouble):
            raise answer
        return answer

    return meddle

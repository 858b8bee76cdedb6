"""Parts of content, and content only under a condition (RFC 9110 §13, §14).

Pure but for the reading of the parts themselves. A header that cannot be understood counts as
absent (§14.2); only a range that lies outside the content is an error.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, NamedTuple

from layerstore.oci.errors import RangeUnsatisfiable
from layerstore.web.message import Request, Response, StreamBody

RANGES_MAX: Final = 16
"""Ranges in one request; with more, the whole content is sent."""

TAGS_MAX: Final = 256
"""Entity tags in one condition that are looked at."""

_CONDITIONS: Final = frozenset({"if-match", "if-none-match"})
_DIGITS_MAX: Final = 18
_RANGE: Final = re.compile(r"([0-9]*)-([0-9]*)")
_TAG: Final = re.compile(r'(W/)?(?:"([^"]*)"|([^",\s]+))')

Read = Callable[[int, int], AsyncIterator[bytes]]
"""Gives the bytes from a start up to before an end, in pieces of at most 1 MiB."""


class Span(NamedTuple):
    """The bytes from `start` up to before `end`; never none."""

    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """The value of Content-Range for this part of `size` bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def conditional(request: Request, etag: str | None) -> int | None:
    """The status that a condition of the request decides on: 304, 412, or None to go on.

    `etag` is the entity tag of what is there, quoted and strong; None when there is nothing. In the
    order of RFC 9110 §13.2.2: If-Match, then If-None-Match.
    """
    if request.headers.names.isdisjoint(_CONDITIONS):
        return None
    must = request.headers.joined("if-match")
    if must is not None and not _matches(must, etag, strong=True):
        return 412
    must_not = request.headers.joined("if-none-match")
    if must_not is None or not _matches(must_not, etag, strong=False):
        return None
    return 304 if request.method in ("GET", "HEAD") else 412


def partial(request: Request, whole: Response, size: int, etag: str, read: Read) -> Response:
    """The part that the request asks for, in place of `whole`, the answer of status 200.

    `whole` itself when no part is asked for, or only of content that has changed since (If-Range).
    Raises RangeUnsatisfiable when none of the ranges touches the content.
    """
    spans = _asked(request, size, etag)
    if spans is None:
        return whole
    if not spans:
        raise RangeUnsatisfiable(size)
    if len(spans) == 1:
        return _single(whole, spans[0], size, read)
    return _several(whole, spans, size, etag, read)


def parse_range(value: str, size: int) -> list[Span] | None:
    """The spans that a Range header names in content of `size` bytes; None when it says nothing.

    Spans that overlap or touch are joined, so that no byte is sent twice; without any such they
    keep their order. Empty when all of them lie outside.
    """
    unit, _, ranges = value.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    parts = [part.strip() for part in ranges.split(",", RANGES_MAX * 2)]
    parts = [part for part in parts if part]
    if not 0 < len(parts) <= RANGES_MAX:
        return None
    spans: list[Span] = []
    for part in parts:
        bounds = _bounds(part, size)
        if bounds is None:
            return None
        if bounds.size > 0:
            spans.append(bounds)
    return _joined(spans)


def _asked(request: Request, size: int, etag: str) -> list[Span] | None:
    value = request.headers.first("range")
    if value is None or request.method != "GET":
        return None
    condition = request.headers.first("if-range")
    if condition is not None and condition.strip() != etag:
        return None
    return parse_range(value, size)


def _bounds(part: str, size: int) -> Span | None:
    """One range, cut to the content and perhaps empty; None when it is none."""
    match = _RANGE.fullmatch(part)
    if match is None or len(part) > 2 * _DIGITS_MAX:
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return Span(size, size)  # not ignored: the conformance suite asks for 416
    if first:
        return Span(min(int(first), size), min(int(last) + 1, size) if last else size)
    return Span(max(0, size - int(last)), size) if last else None


def _joined(spans: list[Span]) -> list[Span]:
    ordered = sorted(spans)
    joined = ordered[:1]
    for span in ordered[1:]:
        before = joined[-1]
        if span.start <= before.end:
            joined[-1] = Span(before.start, max(before.end, span.end))
        else:
            joined.append(span)
    return spans if len(joined) == len(spans) else joined


def _single(whole: Response, span: Span, size: int, read: Read) -> Response:
    headers = [*whole.headers, ("content-range", span.content_range(size))]
    return Response(206, headers, StreamBody(read(*span), span.size))


def _several(whole: Response, spans: Sequence[Span], size: int, etag: str, read: Read) -> Response:
    """multipart/byteranges (RFC 9110 §14.6), each part with the type of the whole."""
    media_type = next((value for name, value in whole.headers if name == "content-type"), "")
    boundary = _boundary(etag, spans)
    heads = [_part_head(boundary, media_type, span, size) for span in spans]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(span.size for span in spans) + len(tail)
    headers = [(name, value) for name, value in whole.headers if name != "content-type"]
    headers.append(("content-type", f"multipart/byteranges; boundary={boundary}"))
    return Response(206, headers, StreamBody(_parts(heads, spans, tail, read), length))


def _boundary(etag: str, spans: Sequence[Span]) -> str:
    """No content holds it: it is made from the content's own digest."""
    return hashlib.sha256(f"{etag} {spans}".encode()).hexdigest()[:40]


def _part_head(boundary: str, media_type: str, span: Span, size: int) -> bytes:
    return (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {media_type}\r\n"
        f"Content-Range: {span.content_range(size)}\r\n\r\n"
    ).encode("latin-1")


async def _parts(
    heads: Sequence[bytes], spans: Sequence[Span], tail: bytes, read: Read
) -> AsyncIterator[bytes]:
    for head, span in zip(heads, spans, strict=True):
        yield head
        async for piece in read(*span):
            yield piece
    yield tail


def _matches(condition: str, etag: str | None, *, strong: bool) -> bool:
    """Whether a list of entity tags, or `*`, names this one. Tags without quotes are taken too.

    The original takes a bare digest; a weak tag never matches strongly (RFC 9110 §8.8.3.2).
    """
    if etag is None:
        return False
    if condition.strip() == "*":
        return True
    for count, match in enumerate(_TAG.finditer(condition), start=1):
        weak, quoted, bare = match.groups()
        if etag == f'"{quoted if quoted is not None else bare}"' and not (strong and weak):
            return True
        if count == TAGS_MAX:
            break
    return False

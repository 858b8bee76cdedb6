"""Ranges and conditions of RFC 9110, without a server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.oci.errors import RangeUnsatisfiable
from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request, Response, StreamBody
from layerstore.web.ranges import RANGES_MAX, Span, conditional, parse_range, partial
from tests.unit.api.bodies import Pieces

SIZE = 1000
CONTENT = bytes(index % 251 for index in range(SIZE))
ETAG = '"sha256:0f"'

RANGES: list[tuple[str, list[tuple[int, int]] | None]] = [
    ("bytes=0-0", [(0, 1)]),
    ("bytes=0-499", [(0, 500)]),
    ("bytes=500-", [(500, 1000)]),
    ("bytes=-1", [(999, 1000)]),
    ("bytes=-2000", [(0, 1000)]),
    ("bytes=990-5000", [(990, 1000)]),
    ("bytes=999-999", [(999, 1000)]),
    ("BYTES=0-0", [(0, 1)]),
    ("bytes= 0-0 , 2-2 ", [(0, 1), (2, 3)]),
    ("bytes=0-0,,2-2", [(0, 1), (2, 3)]),
    ("bytes=500-599,0-99", [(500, 600), (0, 100)]),
    ("bytes=0-99,100-199", [(0, 200)]),
    ("bytes=0-99,50-149,900-", [(0, 150), (900, 1000)]),
    ("bytes=0-0,5000-", [(0, 1)]),
    ("bytes=1000-", []),
    ("bytes=1000-2000", []),
    ("bytes=-0", []),
    ("bytes=5-4", []),
    ("bytes=99999999999999999999-", []),
    ("bytes=", None),
    ("bytes=,", None),
    ("bytes=-", None),
    ("bytes=a-b", None),
    ("bytes=0-1-2", None),
    ("bytes=+1-2", None),
    ("bytes=1", None),
    ("bytes=0x0-0x1", None),
    ("bytes=\u0661-\u0662", None),
    ("items=0-1", None),
    ("0-1", None),
    ("", None),
    ("bytes=" + "9" * 5000 + "-", None),
]


@pytest.mark.parametrize(("value", "spans"), RANGES, ids=[repr(value)[:30] for value, _ in RANGES])
def test_a_range_means_these_bytes(value: str, spans: list[tuple[int, int]] | None) -> None:
    assert parse_range(value, SIZE) == spans


def test_as_many_ranges_as_the_limit_are_taken_and_one_more_is_not() -> None:
    ranges = [f"{start}-{start}" for start in range(0, 2 * (RANGES_MAX + 1), 2)]
    within = parse_range("bytes=" + ",".join(ranges[:RANGES_MAX]), SIZE)
    assert within is not None
    assert len(within) == RANGES_MAX
    assert parse_range("bytes=" + ",".join(ranges), SIZE) is None


def test_no_range_touches_empty_content() -> None:
    assert parse_range("bytes=0-", 0) == []
    assert parse_range("bytes=-1", 0) == []


SPECS = st.one_of(
    st.tuples(st.integers(0, 1200), st.integers(0, 1200)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 1200).map(lambda first: f"{first}-"),
    st.integers(0, 1200).map(lambda length: f"-{length}"),
)


def bytes_named(spec: str, size: int) -> set[int]:
    """The positions that a range names, by the letter of RFC 9110 §14.1.2."""
    first, _, last = spec.partition("-")
    if not first:
        return set(range(size)[-int(last) :]) if int(last) else set()
    return set(range(size)[int(first) : int(last) + 1 if last else None])


@given(st.lists(SPECS, min_size=1, max_size=RANGES_MAX), st.integers(0, 1100))
def test_the_spans_hold_exactly_the_bytes_that_the_ranges_name(specs: list[str], size: int) -> None:
    spans = parse_range("bytes=" + ",".join(specs), size)
    assert spans is not None
    positions = [position for span in spans for position in range(span.start, span.end)]
    assert all(span.size > 0 for span in spans)
    assert len(positions) == len(set(positions))
    assert set(positions) == set().union(*(bytes_named(spec, size) for spec in specs))


@given(st.text(max_size=60), st.integers(0, 5000))
def test_no_text_makes_a_range_outside_the_content(value: str, size: int) -> None:
    for text in (value, f"bytes={value}"):
        for span in parse_range(text, size) or []:
            assert 0 <= span.start < span.end <= size


def request(headers: list[tuple[str, str]], method: str = "GET") -> Request:
    return Request(method, "/", "", HeaderLines(headers), Pieces())


async def read(start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, 100):
        yield CONTENT[at : min(end, at + 100)]


def whole() -> Response:
    return Response(200, [("content-type", "text/x"), ("etag", ETAG)], CONTENT)


def asked(*headers: tuple[str, str], method: str = "GET") -> Response:
    return partial(request(list(headers), method), whole(), SIZE, ETAG, read)


def sent(response: Response) -> bytes:
    body = response.body
    assert isinstance(body, StreamBody)

    async def collected() -> bytes:
        return b"".join([piece async for piece in body.chunks])

    content = asyncio.run(collected())
    assert len(content) == body.size
    return content


def test_without_a_range_the_whole_is_sent() -> None:
    assert asked().status == 200
    assert asked(("range", "bytes=nonsense")).status == 200
    assert asked(("range", "bytes=0-1"), method="HEAD").status == 200


def test_one_range_is_one_part_with_the_headers_of_the_whole() -> None:
    response = asked(("range", "bytes=10-19"))
    assert (response.status, sent(response)) == (206, CONTENT[10:20])
    assert response.headers == [*whole().headers, ("content-range", "bytes 10-19/1000")]


def test_ranges_that_touch_nothing_are_refused_with_the_size() -> None:
    with pytest.raises(RangeUnsatisfiable) as refused:
        asked(("range", "bytes=5000-"))
    assert refused.value.size == SIZE


def test_if_range_lets_the_range_count_only_for_the_same_content() -> None:
    same, other = ("if-range", ETAG), ("if-range", '"sha256:00"')
    weak, date = ("if-range", f"W/{ETAG}"), ("if-range", "Tue, 24 Nov 2026 08:00:00 GMT")
    assert asked(("range", "bytes=0-1"), same).status == 206
    for condition in (other, weak, date):
        assert asked(("range", "bytes=0-1"), condition).status == 200
        assert asked(("range", "bytes=5000-"), condition).status == 200


def test_several_ranges_are_parts_that_a_reader_can_take_apart() -> None:
    response = asked(("range", "bytes=0-9,500-509"))
    kinds = [value for name, value in response.headers if name == "content-type"]
    assert kinds[0].startswith("multipart/byteranges; boundary=")
    boundary = kinds[0].partition("boundary=")[2]
    assert sent(response).decode("latin-1") == (
        f"\r\n--{boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes 0-9/1000\r\n\r\n"
        f"{CONTENT[:10].decode('latin-1')}"
        f"\r\n--{boundary}\r\nContent-Type: text/x\r\nContent-Range: bytes 500-509/1000\r\n\r\n"
        f"{CONTENT[500:510].decode('latin-1')}"
        f"\r\n--{boundary}--\r\n"
    )


def test_ranges_that_join_into_one_are_a_single_part() -> None:
    response = asked(("range", "bytes=0-9,10-19"))
    assert sent(response) == CONTENT[:20]


CONDITIONS: list[tuple[str, str, str, str | None, int | None]] = [
    ("GET", "if-none-match", ETAG, ETAG, 304),
    ("HEAD", "if-none-match", ETAG, ETAG, 304),
    ("PUT", "if-none-match", ETAG, ETAG, 412),
    ("GET", "if-none-match", f"W/{ETAG}", ETAG, 304),
    ("GET", "if-none-match", f'"a", "b" , {ETAG}', ETAG, 304),
    ("GET", "if-none-match", "sha256:0f", ETAG, 304),
    ("GET", "if-none-match", "*", ETAG, 304),
    ("PUT", "if-none-match", "*", ETAG, 412),
    ("PUT", "if-none-match", "*", None, None),
    ("GET", "if-none-match", '"a"', ETAG, None),
    ("GET", "if-none-match", "", ETAG, None),
    ("GET", "if-match", ETAG, ETAG, None),
    ("PUT", "if-match", f'"a", {ETAG}', ETAG, None),
    ("PUT", "if-match", "*", ETAG, None),
    ("PUT", "if-match", "*", None, 412),
    ("PUT", "if-match", ETAG, None, 412),
    ("PUT", "if-match", '"a"', ETAG, 412),
    ("PUT", "if-match", f"W/{ETAG}", ETAG, 412),
]


@pytest.mark.parametrize(("method", "name", "value", "etag", "status"), CONDITIONS)
def test_a_condition_decides(
    method: str, name: str, value: str, etag: str | None, status: int | None
) -> None:
    assert conditional(request([(name, value)], method), etag) == status


def test_if_match_stands_before_if_none_match() -> None:
    both = [("if-match", '"other"'), ("if-none-match", ETAG)]
    assert conditional(request(both), ETAG) == 412


def test_lines_of_one_condition_are_one_list() -> None:
    lines = [("if-none-match", '"a"'), ("if-none-match", ETAG)]
    assert conditional(request(lines), ETAG) == 304


@given(st.text(max_size=200))
def test_no_text_breaks_a_condition(value: str) -> None:
    for name in ("if-match", "if-none-match"):
        assert conditional(request([(name, value)]), ETAG) in (None, 304, 412)


def test_a_span_tells_its_content_range() -> None:
    assert Span(0, 10).content_range(100) == "bytes 0-9/100"

"""The server that throws away reads a body to its end: the next request would be nonsense."""

from __future__ import annotations

from io import BytesIO

import pytest

from bench.sink import discarded

NEXT = b"GET / HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("body", "length", "size"),
    [
        (b"", "0", 0),
        (b"abc", "3", 3),
        (b"0\r\n\r\n", None, 0),
        (b"3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n", None, 13),
    ],
)
def test_a_body_is_read_to_its_end_and_not_further(
    body: bytes, length: str | None, size: int
) -> None:
    stream = BytesIO(body + NEXT)
    assert discarded(stream, length) == size
    assert stream.read() == NEXT

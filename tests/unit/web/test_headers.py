"""The lines of a head: found by their names, and remembered where that is harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.web.headers import HEAD_KEPT_BYTES_MAX, HEADS_KEPT, HeaderLines, Heads

RAW = ((b"host", b"a.example"), (b"accept", b"x"), (b"accept", b"y"))
LINES = HeaderLines([("host", "a.example"), ("accept", "x"), ("accept", "y")])


def test_the_first_line_of_a_name_and_all_of_them_are_found() -> None:
    assert (LINES.first("accept"), LINES.joined("accept")) == ("x", "x, y")
    assert (LINES.first("host"), LINES.joined("host")) == ("a.example", "a.example")
    assert (LINES.first("range"), LINES.joined("range")) == (None, None)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.text(max_size=3))))
def test_a_name_finds_what_a_look_through_all_lines_finds(lines: list[tuple[str, str]]) -> None:
    found = HeaderLines(lines)
    for name in "abc":
        values = [value for key, value in lines if key == name]
        assert found.first(name) == (values[0] if values else None)
        assert found.joined(name) == (", ".join(values) if values else None)
    assert found.size == sum(len(key) + len(value) for key, value in lines)


@pytest.mark.parametrize(
    ("hosts", "is_one"),
    [((), False), (("a.example:5000",), True), (("a", "b"), False), (("a b",), False)],
)
def test_a_request_names_one_host_or_not(hosts: tuple[str, ...], is_one: bool) -> None:
    assert HeaderLines([("host", host) for host in hosts]).names_one_host == is_one


def test_the_same_head_is_taken_apart_once() -> None:
    heads = Heads()
    found = heads.lines(list(RAW))
    assert found == LINES
    assert heads.lines(list(RAW)) is found


@pytest.mark.parametrize(
    "line",
    [
        (b"authorization", b"Basic c2VjcmV0"),
        (b"proxy-authorization", b"Basic c2VjcmV0"),
        (b"cookie", b"secret"),
        (b"x-long", b"x" * HEAD_KEPT_BYTES_MAX),
    ],
)
def test_a_head_with_a_secret_and_a_long_one_are_not_remembered(line: tuple[bytes, bytes]) -> None:
    heads = Heads()
    assert heads.lines((*RAW, line)) is not heads.lines((*RAW, line))


def test_only_so_many_heads_are_remembered() -> None:
    heads = Heads()
    first = heads.lines(RAW)
    for number in range(HEADS_KEPT):
        heads.lines(((b"x-number", b"%d" % number),))
    assert heads.lines(RAW) is not first

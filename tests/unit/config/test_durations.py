"""Durations are read as Go reads them, and written in the common form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("168h", 604_800),
        ("1h30m", 5_400),
        ("1.5h", 5_400),
        ("100ms", 0.1),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("1ns", 1e-9),
        (".5s", 0.5),
        ("1.s", 1),
        ("0", 0),
        ("-0", 0),
        ("+3m", 180),
        ("-1m30s", -90),
    ],
)
def test_a_duration_means_what_it_means_in_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "s", "10", "1d", "1 h", "h1", "1h ", "--1s", "1e3s", "٣s", "1s" * 100, "999999999999999h"],
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.1, "100ms"),
        (90, "1m30s"),
        (604_800, "168h"),
        (5_400, "1h30m"),
        (3_605.5, "1h5.5s"),
        (-2, "-2s"),
    ],
)
def test_a_duration_is_shown_in_its_common_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(-(10**9), 10**9))
def test_what_is_shown_is_read_as_the_same(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)

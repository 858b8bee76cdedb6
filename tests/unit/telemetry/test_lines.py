"""One event is one line, whatever a client sent."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.telemetry.lines import (
    FORMATS,
    VALUE_CHARACTERS_MAX,
    Stamps,
    as_json,
    as_logstash,
    as_text,
    combined,
)

MOMENT = datetime(2026, 11, 24, 8, 30, 5, 123456, tzinfo=UTC)
ACCESS = "24/Nov/2026:08:30:05 +0000"
TEXT = re.compile(r'[^ =]+=(?:"(?:[^"\\]|\\.)*"|[^ "]+)')


def test_text_is_pairs_with_quoted_values() -> None:
    line = as_text(MOMENT, "info", 'said "so"', {"http.request.id": "a b", "count": 3})
    assert line == (
        'time="2026-11-24T08:30:05.123Z" level=info msg="said \\"so\\"" '
        'http.request.id="a b" count=3'
    )


def test_json_is_one_object() -> None:
    assert json.loads(as_json(MOMENT, "error", "x", {"a.b": "c", "n": 1})) == {
        "level": "error",
        "msg": "x",
        "time": "2026-11-24T08:30:05.123Z",
        "a.b": "c",
        "n": 1,
    }


def test_logstash_is_one_object_with_its_own_names() -> None:
    assert json.loads(as_logstash(MOMENT, "info", "x", {"a": "b"})) == {
        "@timestamp": "2026-11-24T08:30:05.123Z",
        "@version": "1",
        "level": "info",
        "message": "x",
        "a": "b",
    }


def test_access_is_the_combined_form_of_apache() -> None:
    line = combined(ACCESS, "192.0.2.1", "", "GET /v2/ HTTP/1.1", 200, 2, "", "docker/29.0 (linux)")
    assert line == (
        '192.0.2.1 - - [24/Nov/2026:08:30:05 +0000] "GET /v2/ HTTP/1.1" 200 2 "-" '
        '"docker/29.0 (linux)"'
    )


def test_access_names_the_user_and_escapes_what_would_end_a_field() -> None:
    line = combined(ACCESS, "::1", 'a"b', "GET /\n HTTP/1.1", 404, 0, "\x1b[2J", "\u20ac\\")
    assert line == (
        '::1 - a\\"b [24/Nov/2026:08:30:05 +0000] "GET /\\x0a HTTP/1.1" 404 0 '
        '"\\x1b[2J" "\\xe2\\x82\\xac\\\\"'
    )


def test_access_tells_the_moment_with_its_offset() -> None:
    local = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert Stamps().of(local) == ("2026-11-24T08:30:05.123Z", "24/Nov/2026:14:00:05 +0530")


def test_moments_of_one_second_and_of_others_are_told_as_they_are() -> None:
    stamps = Stamps()
    steps = [timedelta(milliseconds=ms) for ms in (0, 1, 876, 877, -124, 60_000, 0)]
    told = [stamps.of(MOMENT + step) for step in steps]
    assert [structured[17:23] for structured, _ in told] == [
        *("05.123", "05.124", "05.999", "06.000", "04.999", "05.123", "05.123")
    ]
    assert [access[12:20] for _, access in told] == [
        *("08:30:05", "08:30:05", "08:30:05", "08:30:06", "08:30:04", "08:31:05", "08:30:05")
    ]


@pytest.mark.parametrize("name", FORMATS)
@given(st.text(), st.text(max_size=2000), st.text(max_size=50))
def test_no_value_makes_a_second_line_or_steers_a_terminal(
    name: str, message: str, value: str, other: str
) -> None:
    line = FORMATS[name](MOMENT, "info", message, {"first": value, "second": other})
    assert line.isascii()
    assert line.isprintable()


@given(st.text(max_size=2000), st.text(max_size=50))
def test_json_says_what_was_said_as_far_as_it_is_kept(value: str, other: str) -> None:
    told = json.loads(as_json(MOMENT, "info", "x", {"first": value, "second": other}))
    assert told["second"] == other
    if len(value) <= VALUE_CHARACTERS_MAX:
        assert told["first"] == value
    else:
        assert told["first"] == value[: VALUE_CHARACTERS_MAX - 3] + "..."


@given(st.text(max_size=600), st.text(max_size=50))
def test_text_can_be_read_back(value: str, other: str) -> None:
    line = as_text(MOMENT, "info", value, {"first": value, "second": other})
    assert " ".join(TEXT.findall(line)) == line
    assert len(TEXT.findall(line)) == 5


@given(st.text(max_size=600), st.text(max_size=600), st.text(max_size=600))
def test_access_has_its_nine_fields_whatever_they_hold(user: str, uri: str, agent: str) -> None:
    line = combined(ACCESS, "::1", user, f"GET {uri} HTTP/1.1", 200, 0, "", agent)
    assert line.isascii()
    assert line.isprintable()
    assert len(re.findall(r'"(?:[^"\\]|\\.)*"', line)) >= 3

"""Rows of request → status, headers, body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.wire.client import Answer, Wire

NO_BODY = b""


@dataclass(frozen=True)
class Row:
    """What is asked, and what comes back.

    `{words}` in `ask`, `sent` and `has` are filled in from the stock. A header in `has` is compared
    exactly, by a pattern, or is None and must not be there. `told` is the code of the first error.
    """

    what: str
    ask: str
    status: int
    sent: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    has: Mapping[str, str | re.Pattern[str] | None] = field(default_factory=dict)
    text: bytes | None = None
    told: str | None = None


def rows(*table: Row) -> pytest.MarkDecorator:
    """Each row a test, named by what it says."""
    assert len({row.what for row in table}) == len(table)
    return pytest.mark.parametrize("row", table, ids=[row.what for row in table])


def check(row: Row, wire: Wire, places: Mapping[str, str]) -> Answer:
    method, target = row.ask.format_map(places).split(" ", 1)
    sent = {name: value.format_map(places) for name, value in row.sent.items()}
    answer = wire.ask(method, target, sent, row.body)
    assert answer.status == row.status, (answer, answer.body[:500])
    _check_headers(row, answer, places)
    if method == "HEAD":
        assert answer.body == b""
    elif row.told is not None:
        assert answer.codes[0] == row.told
        assert answer.header("content-type") == "application/json"
    if row.text is not None and method != "HEAD":
        assert answer.body == row.text
    return answer


def _check_headers(row: Row, answer: Answer, places: Mapping[str, str]) -> None:
    assert answer.header("docker-distribution-api-version") == "registry/2.0"
    if answer.status not in (204, 304):
        assert answer.header("content-length") is not None
    for name, expected in row.has.items():
        found = answer.header(name)
        if isinstance(expected, re.Pattern):
            assert found is not None, (name, answer)
            assert expected.fullmatch(found), (name, found)
        elif expected is None:
            assert found is None, (name, answer)
        else:
            assert found == expected.format_map(places), (name, answer)

"""One session and two writers, or one that leaves: who is next at the right place goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.processes import wait_until
from tests.wire.client import Answer, SlowSender, SocketWire
from tests.wire.stock import digest_of

MIB = 1024 * 1024
BLOB = b"".join(i.to_bytes(4, "big") for i in range(2 * MIB))
DIGEST = digest_of(BLOB)
SENT_AT_FIRST = 4 * MIB


def size_told(answer: Answer) -> int:
    return int(answer.header("docker-upload-size") or "")


def status(wire: SocketWire, location: str) -> Answer:
    answer = wire.ask("GET", location)
    assert answer.status == 204
    return answer


@contextmanager
def half_sent(wire: SocketWire, location: str) -> Iterator[SlowSender]:
    """A PATCH of the whole blob that has come half of its way."""
    with closing(SlowSender(wire.host, "PATCH", location, len(BLOB))) as sender:
        sender.send(BLOB[:SENT_AT_FIRST])
        wait_until(lambda: size_told(status(wire, location)) > 0, what="something arrived")
        yield sender


def go_on(wire: SocketWire, answer: Answer) -> Answer:
    """Send the rest from where the answer says that the upload stands, until it is taken."""
    while answer.status != 202:
        answer = wire.ask("PATCH", answer.location, body=BLOB[size_told(answer) :])
        assert answer.status in (202, 416), answer
    return answer


@pytest.fixture
def location(wire: SocketWire, repo: str) -> str:
    return wire.ask("POST", f"/v2/{repo}/blobs/uploads/").location


def finish(wire: SocketWire, repo: str, answer: Answer) -> None:
    assert wire.ask("PUT", f"{answer.location}&digest={DIGEST}").status == 201
    assert wire.ask("GET", f"/v2/{repo}/blobs/{DIGEST}").body == BLOB


def test_a_writer_that_was_overtaken_is_told_where_the_upload_stands(
    wire: SocketWire, repo: str, location: str
) -> None:
    with half_sent(wire, location) as slow:
        fast = go_on(wire, status(wire, location))
        slow.send(BLOB[SENT_AT_FIRST:])
        overtaken = slow.answer()
    assert (overtaken.status, overtaken.codes) == (416, ["RANGE_INVALID"])
    assert overtaken.header("range") == f"0-{size_told(overtaken) - 1}"
    assert re.match(rf"/v2/{repo}/blobs/uploads/.*_state=", overtaken.location)
    finish(wire, repo, fast)


def test_what_a_vanished_client_sent_stays_and_is_carried_on(
    wire: SocketWire, repo: str, location: str
) -> None:
    with half_sent(wire, location):
        pass
    finish(wire, repo, go_on(wire, status(wire, location)))


def test_a_whole_body_that_breaks_off_leaves_an_empty_session(
    wire: SocketWire, repo: str, location: str
) -> None:
    """Decisions 11: it is all or nothing."""
    put = f"{location}&digest={DIGEST}"
    with closing(SlowSender(wire.host, "PUT", put, len(BLOB))) as sender:
        sender.send(BLOB[:SENT_AT_FIRST])
    assert size_told(status(wire, location)) == 0
    finish(wire, repo, go_on(wire, status(wire, location)))

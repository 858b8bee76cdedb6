"""The signed state of an upload: good for one session at one place, and for nothing else."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.api.state import StateSealer, UploadState
from layerstore.oci.errors import BlobUploadInvalid
from layerstore.oci.name import Name
from tests.faults.counts import Counted
from tests.unit.api.direct import SECRET, DirectWire
from tests.wire.client import Answer
from tests.wire.stock import LAYER, digest_of

NAME, UPLOAD = Name("team/app"), "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"
STATE = UploadState(NAME, UPLOAD, 1024, "2026-01-02T03:04:05Z")
SEALER = StateSealer(SECRET)
TOKEN = SEALER.seal(STATE)
SEALED = base64.urlsafe_b64decode(TOKEN)


def believed(token: str) -> bool:
    try:
        SEALER.open(token, NAME, UPLOAD)
    except BlobUploadInvalid:
        return False
    return True


def test_no_bit_of_it_may_be_another(counted: Counted) -> None:
    assert believed(TOKEN)
    counted("bits flipped in the state of an upload", len(SEALED) * 8)
    for place in range(len(SEALED) * 8):
        flipped = bytearray(SEALED)
        flipped[place // 8] ^= 1 << place % 8
        assert not believed(base64.urlsafe_b64encode(bytes(flipped)).decode()), place


def test_no_letter_of_it_may_be_another() -> None:
    """Save for the last one's spare bits, which stand for nothing: the bytes are the same."""
    for place, letter in enumerate(TOKEN.rstrip("=")):
        for other in "Aa0-_":
            changed = TOKEN[:place] + other + TOKEN[place + 1 :]
            same = base64.urlsafe_b64decode(changed) == SEALED
            assert believed(changed) == same, (place, letter, other)


def test_no_part_of_it_is_enough_and_nothing_may_be_added() -> None:
    for length in range(len(SEALED)):
        assert not believed(base64.urlsafe_b64encode(SEALED[:length]).decode())
        assert not believed(base64.urlsafe_b64encode(SEALED[length:]).decode()) or length == 0
    for more in (b"\x00", b"{}", b" ", SEALED):
        assert not believed(base64.urlsafe_b64encode(SEALED + more).decode())


@given(
    name=st.sampled_from(["team/app", "team/app/x", "team", "team/App", "app", ""]),
    upload=st.sampled_from([UPLOAD, UPLOAD.upper(), UPLOAD[:-1] + "c", ""]),
    offset=st.integers(0, 2**63 - 1),
    secret=st.sampled_from([SECRET, SECRET + b"x", b"", SECRET[:-1], SECRET.upper()]),
)
def test_only_the_right_secret_for_the_right_session_opens_it(
    name: str, upload: str, offset: int, secret: bytes
) -> None:
    sealed = StateSealer(secret).seal(UploadState(Name(name), upload, offset, "x"))
    assert believed(sealed) == ((name, upload, secret) == (NAME, UPLOAD, SECRET))


@given(st.text(max_size=400) | st.binary(max_size=300).map(lambda b: base64.b64encode(b).decode()))
def test_nothing_that_was_not_sealed_is_believed(token: str) -> None:
    assert not believed(token)


def test_a_document_without_its_seal_or_under_the_seal_of_another_is_nothing() -> None:
    other = base64.urlsafe_b64decode(SEALER.seal(UploadState(NAME, UPLOAD, 0, "x")))
    document = {"Name": NAME, "UUID": UPLOAD, "Offset": 0, "StartedAt": "x"}
    for content in (
        json.dumps(document).encode(),
        bytes(32) + json.dumps(document).encode(),
        SEALED[:32] + other[32:],
        other[:32] + SEALED[32:],
    ):
        assert not believed(base64.urlsafe_b64encode(content).decode())


@pytest.fixture(scope="module")
def wire() -> Iterator[DirectWire]:
    with asyncio.Runner() as runner:
        yield DirectWire(runner)


def begun(wire: DirectWire, name: str) -> str:
    return wire.ask("POST", f"/v2/{name}/blobs/uploads/").location


def refused(answer: Answer) -> bool:
    return answer.status in (404, 416) and answer.codes[0] in (
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "RANGE_INVALID",
    )


def with_state_of(target: str, other: str) -> str:
    """The address of one upload with the state of another."""
    state = parse_qs(urlsplit(other).query)["_state"][0]
    return f"{target.partition('?')[0]}?_state={quote(state, safe='')}"


WRITING = ("PATCH", "PUT", "DELETE")
LAST = f"&digest={digest_of(LAYER)}"


@pytest.mark.parametrize("method", WRITING)
@pytest.mark.parametrize("other", ["a", "b"])
def test_it_cannot_be_moved_to_another_session_or_repository(
    method: str, other: str, wire: DirectWire
) -> None:
    mine, others = begun(wire, "a"), begun(wire, other)
    assert refused(wire.ask(method, with_state_of(mine, others) + LAST, body=LAYER))
    assert refused(wire.ask(method, mine.replace("/v2/a/", "/v2/c/") + LAST, body=LAYER))
    assert wire.ask("PUT", mine + LAST, body=LAYER).status == 201
    assert wire.ask("HEAD", f"/v2/{other}x/blobs/{digest_of(LAYER)}").status == 404


def test_an_old_one_adds_nothing_and_ends_with_its_session(wire: DirectWire) -> None:
    first = begun(wire, "replayed")
    second = wire.ask("PATCH", first, body=LAYER[:100]).location
    for method in ("PATCH", "PUT"):
        assert refused(wire.ask(method, first + LAST, body=LAYER[:100]))
    assert wire.ask("PUT", second + LAST, body=LAYER[100:]).status == 201
    for state in (first, second):
        for method in WRITING:
            assert refused(wire.ask(method, state + LAST, body=LAYER))


def test_one_of_a_session_that_was_given_up_brings_nothing_back(wire: DirectWire) -> None:
    location = begun(wire, "given-up")
    assert wire.ask("DELETE", location).status == 204
    for method in WRITING:
        assert refused(wire.ask(method, location + LAST, body=LAYER))
    assert wire.ask("GET", location).status == 404

"""Signed documents, mutated in every way: an error in words or the payload, never a crash."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from layerstore.oci import schema1, signed
from layerstore.oci.descriptor import DOCKER_MANIFEST
from layerstore.oci.errors import RegistryError
from layerstore.oci.keys import private_key
from layerstore.oci.manifest import Manifest
from layerstore.oci.name import Name, Tag
from layerstore.oci.webkeys import KeyInvalid
from layerstore.registry.notary import Notary
from tests.fakes import FakeClock
from tests.unit.oci.signers import document, host, payload

NAME = Name("library/alpine")
TAGS = [Tag("latest")]
DOCUMENT = document(payload(), host(), host("P-384"), host("RSA"))

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "signatures")
members = st.dictionaries(names, values, max_size=6)


def received(content: bytes) -> bytes | None:
    """The payload as it would be stored; None when the document was refused."""
    notary = Notary(FakeClock(), takes_pushes=True)
    try:
        submission = notary.receive(content, NAME, TAGS)
    except RegistryError:
        return None
    return None if submission.errors else submission.content


@given(st.integers(0, len(DOCUMENT) - 1), st.binary(min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_is_refused_or_changes_nothing_that_is_signed(
    at: int, content: bytes
) -> None:
    changed = DOCUMENT[:at] + content + DOCUMENT[at + len(content) :]
    assert received(changed) in (None, payload())


@given(st.integers(0, len(DOCUMENT)), st.integers(0, len(DOCUMENT)))
@settings(max_examples=200, deadline=None)
def test_a_piece_that_is_cut_out_is_refused_or_was_not_signed(start: int, end: int) -> None:
    assert received(DOCUMENT[:start] + DOCUMENT[end:]) in (None, payload())


@given(
    st.sampled_from(
        [
            ("signature",),
            ("protected",),
            ("header",),
            ("header", "jwk"),
            ("header", "alg"),
            ("header", "x5c"),
            *[("header", "jwk", member) for member in ("kty", "crv", "x", "y", "kid", "n", "e")],
        ]
    ),
    values,
)
@settings(max_examples=300, deadline=None)
def test_any_value_in_any_place_is_refused_or_changes_nothing_that_is_signed(
    place: tuple[str, ...], value: Any
) -> None:
    whole = msgspec.json.decode(DOCUMENT)
    inner = whole["signatures"][0]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    entries = msgspec.json.encode(whole["signatures"])
    changed = payload()[:-2] + b',"signatures":' + entries + b"}"
    assert received(changed) in (None, payload())


@given(members, st.sampled_from([0, 1, 3]), st.sets(st.sampled_from(range(4)), min_size=1))
@settings(max_examples=100, deadline=None)
def test_whatever_is_signed_is_the_same_when_it_is_taken_apart(
    content: dict[str, Any], indent: int, numbers: set[int]
) -> None:
    encoded = msgspec.json.encode({"schemaVersion": 1} | content)
    whole = msgspec.json.format(encoded, indent=indent)
    hosts = [host(number=number) for number in numbers]
    taken = signed.split(document(whole, *hosts))
    assert taken.payload == whole
    keys = {signed.verify(whole, signature) for signature in taken.signatures}
    assert keys == {key.public for key in hosts}
    assert signed.join(whole, taken.signatures[::-1]) == signed.join(whole, taken.signatures)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_no_bytes_crash_what_reads_them(content: bytes) -> None:
    for read in (signed.split, signed.read_signature, schema1.parse, schema1.check_members):
        with suppress(RegistryError):
            read(content)
    with suppress(KeyInvalid):
        private_key(content)
    assert received(content) is None


@given(members)
@settings(max_examples=100)
def test_no_configuration_crashes_what_tells_it_in_schema_1(config: dict[str, Any]) -> None:
    image = Manifest(DOCKER_MANIFEST)
    whole = {"history": [{}], "rootfs": {"diff_ids": []}} | config
    for content in (msgspec.json.encode(config), msgspec.json.encode(whole)):
        with suppress(RegistryError):
            assert schema1.parse(schema1.made_of(image, content, NAME, TAGS[0])).name == NAME


def test_the_document_that_is_changed_is_a_good_one() -> None:
    assert received(DOCUMENT) == payload()

"""A manifest with anything anywhere in it is refused or kept, and what is kept comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api.direct import DirectWire
from tests.wire.stock import (
    ABSENT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Stock,
    descriptor,
    image,
)

MEMBERS = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "subject",
    "artifactType",
    "annotations",
    "digest",
    "size",
    "urls",
    "data",
    "platform",
    "os",
    "architecture",
]
TYPES = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "application/json", "a/b"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from([ABSENT, "sha256:x", *TYPES, "../..", "https://a.example/b"])
)
descriptors = st.just(descriptor(image(), OCI_MANIFEST))
values = st.recursive(
    scalars | descriptors,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=3)
    ),
    max_leaves=6,
)
changes = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(MEMBERS), values), max_size=3)


@pytest.fixture(scope="module")
def wire() -> Iterator[DirectWire]:
    with asyncio.Runner() as runner:
        yield DirectWire(runner)


@pytest.fixture(scope="module")
def stock(wire: DirectWire) -> Stock:
    return Stock(wire, "a")


def places(document: Any) -> list[dict[str, Any]]:
    """Every object in a document, from the outside in."""
    if isinstance(document, dict):
        return [document, *(place for inner in document.values() for place in places(inner))]
    if isinstance(document, list):
        return [place for inner in document for place in places(inner)]
    return []


def changed(content: bytes, made: list[tuple[int, str, Any]]) -> bytes:
    document = json.loads(content)
    for number, member, value in made:
        objects = places(document)
        objects[number % len(objects)][member] = deepcopy(value)
    return json.dumps(document).encode()


@settings(max_examples=250, deadline=None)
@given(kind=st.sampled_from(TYPES), base=st.sampled_from(["oci", "docker", "index"]), made=changes)
def test_a_manifest_is_kept_as_it_is_or_refused(
    kind: str, base: str, made: list[tuple[int, str, Any]], wire: DirectWire, stock: Stock
) -> None:
    content = changed(getattr(stock, base), made)
    answer = wire.ask("PUT", "/v2/a/manifests/changed", {"Content-Type": kind}, content)
    if answer.status == 400:
        assert set(answer.codes) <= {"MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"}
        return
    assert answer.status == 201
    kept = wire.ask("GET", answer.location)
    assert kept.body == content
    assert wire.ask("GET", "/v2/a/manifests/changed").body == content
    if answer.header("oci-subject") is not None:
        listed = wire.ask("GET", f"/v2/a/referrers/{answer.header('oci-subject')}")
        digests = [entry["digest"] for entry in listed.json()["manifests"]]
        assert kept.header("docker-content-digest") in digests

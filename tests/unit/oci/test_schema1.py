"""Schema 1: what a payload says, what a push has to fit, and images told in it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from layerstore.oci.descriptor import DOCKER_MANIFEST, OCI_MANIFEST, SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid, ManifestNotAcceptable, NameInvalid, TagInvalid
from layerstore.oci.manifest import Manifest, Target
from layerstore.oci.name import Name, Tag
from layerstore.oci.schema1 import EMPTY_LAYER_DIGEST, check_members, is_schema1, made_of, parse
from tests.unit.oci.signers import LAYER, document, payload

NAME = Name("library/alpine")
LATEST = Tag("latest")
TARSUM = "tarsum.v1+sha256:04b06d38c7cc20fd82664fb3b69d19ff297a01affe8a63c2f8c440cdc84137ae"
BASE, TOP = Digest.of(b"base"), Digest.of(b"top")


def layers(*digests: str) -> list[dict[str, str]]:
    return [{"blobSum": str(digest)} for digest in digests]


def history(count: int) -> list[dict[str, str]]:
    return [{"v1Compatibility": "{}"}] * count


def test_what_a_payload_says() -> None:
    facts = parse(payload(fsLayers=layers(TOP, BASE, TOP), history=history(3)))
    assert (facts.name, facts.tag, facts.architecture) == (NAME, LATEST, "amd64")
    assert facts.digests == (TOP, BASE)
    assert [target.digest for target in facts.manifest.blobs()] == [TOP, BASE]
    assert facts.manifest.media_type == SCHEMA1_SIGNED
    assert facts.mismatches(NAME, [LATEST]) == []


def test_a_tarsum_of_an_old_tree_is_a_digest_but_no_blob() -> None:
    facts = parse(payload(fsLayers=layers(TOP, TARSUM), history=history(2)))
    assert facts.digests == (TOP, TARSUM)
    assert [target.digest for target in facts.manifest.blobs()] == [TOP]


def test_all_that_does_not_fit_is_told_at_once() -> None:
    facts = parse(payload("other", "old", fsLayers=layers(TOP, TARSUM, "x"), history=history(1)))
    errors = facts.mismatches(NAME, [LATEST, Tag("old"), Tag("older")])
    assert [type(error) for error in errors] == [
        NameInvalid,
        TagInvalid,
        TagInvalid,
        ManifestInvalid,
        ManifestInvalid,
        ManifestInvalid,
    ]
    assert [error.detail for error in errors[1:]] == [
        {"tag": "latest"},
        {"tag": "older"},
        {"history": 1, "fsLayers": 3},
        {"blobSum": TARSUM},
        {"blobSum": "x"},
    ]


def test_a_push_by_digest_has_no_tag_to_fit() -> None:
    assert parse(payload(tag="anything")).mismatches(NAME, []) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (payload(name=1), "name"),
        (payload(tag=None), "tag"),
        (payload(schemaVersion=2), "schemaVersion must be 1"),
        (payload(schemaVersion=10**40), "schemaVersion must be 1"),
        (payload(fsLayers={}), "fsLayers"),
        (payload(fsLayers=[{}]), "blobSum"),
        (payload(history=[{"v1Compatibility": {}}]), "v1Compatibility"),
        (b'{"schemaVersion":1,"a":' + b"[" * 100_000, "nested too deeply"),
        (payload(fsLayers=layers(*[LAYER] * 101)), "more layers than is allowed"),
        (payload(history=history(101)), "more layers than is allowed"),
    ],
)
def test_what_is_no_payload_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ManifestInvalid, match=words):
        parse(content, layers_max=100)


@pytest.mark.parametrize(
    "member",
    ["Name", "FSLAYERS", "f\u017fLayers", "config", "Layers"],
)
def test_a_member_that_others_would_read_in_another_way_is_refused(member: str) -> None:
    members: dict[str, Any] = {member: []}
    with pytest.raises(ManifestInvalid, match="no such member"):
        check_members(payload(**members))


def test_members_that_mean_nothing_are_no_matter() -> None:
    check_members(payload(mediaType=SCHEMA1, comment="x"))


@pytest.mark.parametrize(
    ("content", "media_type", "is_one"),
    [
        (b"", SCHEMA1_SIGNED, True),
        (b"", SCHEMA1, True),
        (b"", f"{SCHEMA1_SIGNED.upper()} ; charset=utf-8", True),
        (document(payload()), None, True),
        (document(payload()), "application/json", True),
        (document(payload()), OCI_MANIFEST, False),
        (b'{"schemaVersion":2}', None, False),
        (b'{"schemaVersion":2}', SCHEMA1, True),
        (b"", None, False),
        (b'{"a":' * 100_000, "", False),
    ],
)
def test_the_type_tells_what_a_push_is_and_else_the_document(
    content: bytes, media_type: str | None, is_one: bool
) -> None:
    assert is_schema1(content, media_type) is is_one


# Images told in schema 1. That they are equal to what the original makes is shown by
# tests/clients/test_schema1.py; here are the rules, one by one.


def image(*steps: dict[str, Any], **members: Any) -> bytes:
    filled = [step for step in steps if not step.get("empty_layer")]
    whole = {
        "os": "linux",
        "architecture": "amd64",
        "history": list(steps),
        "rootfs": {"type": "layers", "diff_ids": ["sha256:x"] * len(filled)},
    }
    return json.dumps(whole | members).encode()


def told(config: bytes, *digests: Digest) -> dict[str, Any]:
    manifest = Manifest(DOCKER_MANIFEST, layers=tuple(Target(digest=digest) for digest in digests))
    content = made_of(manifest, config, NAME, LATEST)
    assert parse(content).mismatches(NAME, [LATEST]) == []
    document: dict[str, Any] = json.loads(content)
    return document


def entries(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What the history says, the oldest first."""
    return [json.loads(entry["v1Compatibility"]) for entry in reversed(document["history"])]


def identity(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


STEPS: tuple[dict[str, Any], ...] = (
    {"created": "2021-01-02T03:04:05.120Z", "created_by": "ADD file", "comment": "c"},
    {"created": "2021-01-02T03:04:05+00:00", "created_by": "ENV <a>", "empty_layer": True},
    {"created_by": "RUN x && y", "author": "somebody"},
)


def test_layers_and_history_run_from_the_newest_to_the_oldest() -> None:
    made = told(image(*STEPS), BASE, TOP)
    members = ["schemaVersion", "name", "tag", "architecture", "fsLayers", "history"]
    assert list(made) == members
    assert made["fsLayers"] == layers(TOP, EMPTY_LAYER_DIGEST, BASE)
    assert [made[key] for key in members[:4]] == [1, NAME, LATEST, "amd64"]


def test_an_entry_is_known_by_its_layer_and_all_below_it() -> None:
    config = image(*STEPS)
    first, second, third = entries(told(config, BASE, TOP))
    assert first["id"] == identity(BASE.hex, "")
    assert second["id"] == identity(EMPTY_LAYER_DIGEST.hex, first["id"])
    assert third["id"] == identity(TOP.hex, second["id"], config.decode())
    assert "parent" not in first
    assert (second["parent"], third["parent"]) == (first["id"], second["id"])


def test_an_entry_says_how_its_layer_came_to_be() -> None:
    first, second, _ = entries(told(image(*STEPS), BASE, TOP))
    assert first == {
        "id": first["id"],
        "comment": "c",
        "created": "2021-01-02T03:04:05.12Z",
        "container_config": {"Cmd": ["ADD file"]},
    }
    assert list(second) == ["id", "parent", "created", "container_config", "throwaway"]
    assert second["throwaway"] is True
    assert second["created"] == "2021-01-02T03:04:05Z"


def test_the_newest_entry_is_the_configuration_itself() -> None:
    config = image(*STEPS, config={"Env": ["A=b"], "B": {}}, created=None)
    last = entries(told(config, BASE, TOP))[-1]
    assert list(last) == ["architecture", "config", "created", "id", "os", "parent"]
    assert list(last["config"]) == ["Env", "B"]
    thrown = entries(told(image({"created_by": "x"}, {"empty_layer": True}), BASE))[-1]
    assert thrown["throwaway"] is True


def test_numbers_of_the_configuration_stay_as_they_are_written() -> None:
    config = image({}, config={"n": 0}).replace(b'"n": 0', b'"n": 1.50e+1, "m":  10000000000000001')
    made = told(config, BASE)
    assert '"config":{"n":1.50e+1,"m":10000000000000001}' in made["history"][0]["v1Compatibility"]


def test_windows_has_a_layer_below_the_first() -> None:
    config = image({}, {}, rootfs={"diff_ids": ["a", "b"], "base_layer": "windows"})
    first, _ = entries(told(config, BASE, TOP))
    assert first["parent"] == hashlib.sha384(b"windows").hexdigest()[:64]
    assert first["id"] == identity(BASE.hex, "")


def test_five_characters_are_escaped_as_go_escapes_them() -> None:
    config = image({"created_by": "<&>\u2028\u2029\u00fc"}, {"created_by": "top <"})
    manifest = Manifest(DOCKER_MANIFEST, layers=(Target(digest=BASE), Target(digest=TOP)))
    content = made_of(manifest, config, NAME, LATEST)
    assert rb"[\"\\u003c\\u0026\\u003e\\u2028\\u2029" + "\u00fc".encode() + rb"\"]" in content
    assert content.startswith(b'{\n   "schemaVersion": 1,\n   "name": "library/alpine",\n')


@pytest.mark.parametrize(
    ("created", "written"),
    [
        (None, "0001-01-01T00:00:00Z"),
        ("2021-01-02T03:04:05.123456789123Z", "2021-01-02T03:04:05.123456789Z"),
        ("2021-01-02T03:04:05.000Z", "2021-01-02T03:04:05Z"),
        ("2021-01-02T03:04:05+05:30", "2021-01-02T03:04:05+05:30"),
    ],
)
def test_a_time_is_written_as_go_writes_it(created: str | None, written: str) -> None:
    first, _ = entries(told(image({"created": created}, {}), BASE, TOP))
    assert first["created"] == written


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (b"", "none of an image"),
        (b'{"history":' + b"[" * 100_000, "none of an image"),
        (b"{}", "no history"),
        (b'{"history":null,"rootfs":null}', "none of an image"),
        (image(), "no history"),
        (image({}), "not equally many"),
        (image({}, {}, {}), "not equally many"),
        (image({}, {"empty_layer": True}), "not equally many"),
        (image({}, {}, rootfs={"diff_ids": None}), "not equally many"),
        (image({"created": "long ago"}, {}), "a time that is none"),
    ],
)
def test_what_schema_1_cannot_tell_is_refused_in_words(config: bytes, words: str) -> None:
    manifest = Manifest(DOCKER_MANIFEST, layers=(Target(digest=BASE), Target(digest=TOP)))
    with pytest.raises(ManifestNotAcceptable, match=words):
        made_of(manifest, config, NAME, LATEST)


def test_the_empty_layer_is_the_well_known_one() -> None:
    known = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    assert known == EMPTY_LAYER_DIGEST

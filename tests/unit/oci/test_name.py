"""The grammars of names, tags and references (registry-facts §2.2)."""

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, ManifestUnknown, NameInvalid
from layerstore.oci.name import is_name, is_tag, parse_name, parse_reference

GOOD_NAMES = ["a", "a/b", "a-b", "a--b", "a__b", "a.b", "0/1", "a/tags/list", "x/blobs/uploads"]
BAD_NAMES = [
    "",
    "A",
    "a/",
    "/a",
    "a//b",
    "_a",
    "a_",
    "a___b",
    "a..b",
    "a/_b",
    "ä",
    "a b",
    "a\n",
    ".",
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_of_the_grammar_is_taken(name: str) -> None:
    assert parse_name(name) == name
    assert is_name(name)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_any_other_name_is_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(NameInvalid):
        parse_name(name)


def test_a_name_has_at_most_255_characters() -> None:
    assert parse_name("a" * 255)
    with pytest.raises(NameInvalid):
        parse_name("a" * 256)


@pytest.mark.parametrize("tag", ["a", "A", "_", "1.0-rc_2", "latest", "x" * 128])
def test_a_tag_of_the_grammar_is_taken(tag: str) -> None:
    assert is_tag(tag)
    assert parse_reference(tag) == tag


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a/b", "x" * 129, "a\n", "ä"])
def test_any_other_tag_is_unknown(tag: str) -> None:
    assert not is_tag(tag)
    with pytest.raises(ManifestUnknown):
        parse_reference(tag)


def test_a_colon_makes_a_reference_a_digest() -> None:
    reference = parse_reference(f"sha256:{'0' * 64}")
    assert isinstance(reference, Digest)
    with pytest.raises(DigestInvalid):
        parse_reference("sha256:baddigeststring")

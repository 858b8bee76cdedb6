"""Whatever is made is recognised as what it was made from."""

from hypothesis import given
from hypothesis import strategies as st

from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag, is_name
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    LayersKeep,
    Quarantined,
    Recognised,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    TagIndex,
    UploadData,
    UploadHashState,
    UploadStarted,
    recognise,
)

NAMES = st.from_regex(
    r"[a-z0-9]{1,8}(?:[._-][a-z0-9]{1,4})?(?:/[a-z0-9]{1,8}){0,3}", fullmatch=True
)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True).map(Tag)
DIGESTS = st.tuples(st.binary(max_size=8), st.sampled_from(["sha256", "sha384", "sha512"])).map(
    lambda drawn: Digest.of(*drawn)
)
UPLOADS = st.uuids().map(str)
NAMED = NAMES.filter(is_name).map(Name)

MEANINGS: st.SearchStrategy[Recognised] = st.one_of(
    st.builds(BlobData, DIGESTS),
    st.builds(LayerLink, NAMED, DIGESTS),
    st.builds(LayersKeep, NAMED),
    st.builds(RevisionLink, NAMED, DIGESTS),
    st.builds(SignatureLink, NAMED, DIGESTS, DIGESTS),
    st.builds(TagCurrent, NAMED, TAGS),
    st.builds(TagIndex, NAMED, TAGS, DIGESTS),
    st.builds(ReferrerLink, NAMED, DIGESTS, DIGESTS),
    st.builds(UploadData, NAMED, UPLOADS),
    st.builds(UploadStarted, NAMED, UPLOADS),
    st.builds(Quarantined, DIGESTS, st.integers(0, 2**60)),
    st.builds(UploadHashState, NAMED, UPLOADS, st.just("sha256"), st.integers(0, 2**60)),
)


@given(MEANINGS)
def test_every_path_that_is_made_is_recognised(meaning: Recognised) -> None:
    assert recognise(meaning.path) == meaning


@given(st.text(max_size=200) | st.lists(st.text(max_size=20)).map("/docker/registry/v2/".join))
def test_any_text_is_recognised_or_not_but_never_an_error(path: str) -> None:
    found = recognise(path)
    assert found is None or found.path == path

"""Every address that is built is parsed to the call that it was built from."""

from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.api import calls
from layerstore.api.calls import Call, Page
from layerstore.api.routes import build, locate, methods_at, parse
from layerstore.auth.access import Access
from layerstore.oci.digest import HEX_LENGTHS, Digest
from layerstore.oci.errors import RegistryError
from layerstore.oci.name import Name, Tag, is_tag

component = st.from_regex(r"\A[a-z0-9]{1,6}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,6}){0,2}\Z")
reserved = st.sampled_from(["manifests", "blobs", "uploads", "tags", "list", "referrers", "v2"])
names = st.lists(component | reserved, min_size=1, max_size=5).map(
    lambda parts: Name("/".join(parts))
)
tags = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}\Z").map(Tag)


@st.composite
def digests(draw: st.DrawFn) -> Digest:
    algorithm = draw(st.sampled_from(sorted(HEX_LENGTHS)))
    length = HEX_LENGTHS[algorithm]
    return Digest(
        f"{algorithm}:{draw(st.text('0123456789abcdef', min_size=length, max_size=length))}"
    )


text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
places = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
uuids = st.uuids().map(str)
algorithms = st.none() | st.sampled_from(sorted(HEX_LENGTHS))
states = st.none() | text
numbers = st.none() | st.integers(0, 10**17)


@st.composite
def starts(draw: st.DrawFn) -> Call:
    mount = draw(st.none() | digests())
    source = draw(st.none() | names) if mount else None
    digest = draw(st.none() | digests())
    return calls.StartUpload(draw(names), digest, mount, source, draw(algorithms))


@st.composite
def puts(draw: st.DrawFn) -> Call:
    reference = draw(tags | digests())
    several = draw(st.lists(tags, unique=True, max_size=5)) if isinstance(reference, Digest) else []
    return calls.PutManifest(draw(names), reference, tuple(several))


def build_call(kind: Any, *parts: Any) -> st.SearchStrategy[Call]:
    return st.builds(kind, *parts)


every_call = st.one_of(
    st.just(calls.Alive()),
    st.just(calls.Ping()),
    st.just(calls.IssueToken()),
    build_call(calls.Discover, st.none() | names),
    build_call(calls.ListRepositories, st.builds(Page, numbers, st.just("") | names)),
    build_call(calls.ListTags, names, st.builds(Page, numbers, places)),
    build_call(calls.ListReferrers, names, digests(), st.none() | text, st.none() | digests()),
    build_call(calls.GetManifest, names, tags | digests()),
    puts(),
    build_call(calls.DeleteManifest, names, tags | digests()),
    build_call(calls.GetBlob, names, digests()),
    build_call(calls.DeleteBlob, names, digests()),
    starts(),
    build_call(calls.UploadStatus, names, uuids, states, algorithms),
    build_call(calls.AppendChunk, names, uuids, states, algorithms),
    build_call(calls.FinishUpload, names, uuids, digests(), states),
    build_call(calls.CancelUpload, names, uuids, states),
    build_call(calls.DeleteRepository, names),
)


@given(every_call)
def test_what_is_built_is_parsed_to_the_same_call(call: Call) -> None:
    path, _, query = build(call).partition("?")
    assert path.isascii()
    assert query.isascii()
    assert " " not in query
    assert parse(call.method, unquote(path), query) == call


@given(every_call)
def test_the_method_of_a_call_is_one_that_its_address_takes(call: Call) -> None:
    assert call.method in methods_at(build(call).partition("?")[0])


@given(every_call)
def test_one_slash_more_at_the_end_is_no_matter(call: Call) -> None:
    path = build(call).partition("?")[0]
    if not path.endswith("/"):
        assert locate(path + "/") == locate(path)


@given(every_call)
def test_access_follows_from_the_method(call: Call) -> None:
    """Registry-facts §2.11: nobody but these asks for anything else."""
    repository = getattr(call, "name", None)
    own = {access.action for access in call.wanted if access.name == repository}
    expected = {
        "GET": {"pull"},
        "PUT": {"pull", "push"},
        "POST": {"pull", "push"},
        "PATCH": {"pull", "push"},
        "DELETE": {"delete"},
    }[call.method]
    if repository is not None:
        assert own == expected
    elif isinstance(call, calls.ListRepositories):
        assert call.wanted == (Access("registry", "catalog", "*"),)
    elif isinstance(call, calls.IssueToken):
        assert call.wanted == (Access("registry", "token", "*"),)
    else:
        assert call.wanted == ()


@given(
    st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.lists(st.text(max_size=8) | reserved | component | digests(), max_size=6),
    st.text(max_size=30),
)
def test_any_address_is_a_call_or_a_told_error(method: str, parts: list[str], query: str) -> None:
    with suppress(RegistryError):
        assert isinstance(parse(method, "/v2/" + "/".join(parts), query), Call)


ZEROS = Digest("sha256:" + "0" * 64)
UUID = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v2/a/tags/list/tags/list", calls.ListTags(Name("a/tags/list"))),
        ("/v2/x/blobs/uploads/manifests/y", calls.GetManifest(Name("x/blobs/uploads"), Tag("y"))),
        ("/v2/x/manifests/tags/list", calls.ListTags(Name("x/manifests"))),
        (f"/v2/x/blobs/uploads/blobs/{ZEROS}", calls.GetBlob(Name("x/blobs/uploads"), ZEROS)),
        (f"/v2/a/blobs/blobs/uploads/{UUID}", calls.UploadStatus(Name("a/blobs"), UUID)),
        (f"/v2/referrers/referrers/{ZEROS}", calls.ListReferrers(Name("referrers"), ZEROS)),
        ("/v2/manifests/manifests/list", calls.GetManifest(Name("manifests"), Tag("list"))),
        ("/v2/a/manifests/uploads", calls.GetManifest(Name("a"), Tag("uploads"))),
        ("/v2", calls.Ping()),
    ],
)
def test_the_last_segments_decide(path: str, call: Call) -> None:
    assert parse("GET", path) == call


@given(tags)
def test_tags_made_here_are_tags(tag: Tag) -> None:
    assert is_tag(tag)

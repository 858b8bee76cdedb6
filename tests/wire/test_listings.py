"""Registry-facts §2.9 and §2.10: the catalog and tags, page by page."""

import re

import pytest

from tests.wire.client import Wire
from tests.wire.stock import (
    CONFIG,
    LAYER,
    OCI_MANIFEST,
    Stock,
    descriptor,
    digest_of,
    image,
    index,
    push_blob,
    push_manifest,
)
from tests.wire.table import Row, check, rows

NEXT = re.compile(r'<([^>]+)>; rel="next"')


def tags_of(wire: Wire, repo: str, query: str = "") -> tuple[list[str], str | None]:
    answer = wire.ask("GET", f"/v2/{repo}/tags/list{query}")
    assert answer.status == 200, answer
    assert answer.header("content-type") == "application/json"
    document = answer.json()
    assert list(document) == ["name", "tags"]
    assert document["name"] == repo
    return document["tags"], following(answer.header("link"))


def following(link: str | None) -> str | None:
    if link is None:
        return None
    match = NEXT.fullmatch(link)
    assert match is not None, link
    return match[1]


TAGS = ["1", "1.0", "A", "Z", "_x", "a", "a-b", "a.b", "ab", "latest", "latest-1"]


@pytest.fixture(scope="module")
def tagged(wire: Wire) -> str:
    name = "wire/tagged"
    for tag in TAGS:
        push_manifest(wire, name, tag, index())
    return name


def test_all_tags_come_in_byte_order(wire: Wire, tagged: str) -> None:
    assert tags_of(wire, tagged) == (TAGS, None)


@pytest.mark.parametrize("n", [1, 2, 5, 10, 11, 12])
def test_pages_together_are_the_whole(n: int, wire: Wire, tagged: str) -> None:
    """Bug museum 1: a tag that begins another one's name does not hide it."""
    target, found = f"/v2/{tagged}/tags/list?n={n}", []
    while target is not None:
        answer = wire.ask("GET", target)
        page = answer.json()["tags"]
        assert len(page) <= n
        found += page
        target = following(answer.header("link")) or ""
        if not target:
            break
        assert target == f"/v2/{tagged}/tags/list?last={page[-1]}&n={n}"
    assert found == TAGS


@pytest.mark.parametrize("last", ["a", "a-", "Zz", "0", "zzz", "~", "%2Fx", "..", "a%00b"])
def test_last_is_passed_and_need_not_exist(last: str, wire: Wire, tagged: str) -> None:
    text = {"%2Fx": "/x", "a%00b": "a\0b"}.get(last, last)
    assert tags_of(wire, tagged, f"?last={last}")[0] == [tag for tag in TAGS if tag > text]


def test_no_tags_are_wanted(wire: Wire, tagged: str) -> None:
    assert tags_of(wire, tagged, "?n=0") == ([], None)


def test_behind_the_last_page_there_is_an_empty_list(wire: Wire, tagged: str) -> None:
    """Bug museum 2: neither null nor 404."""
    assert tags_of(wire, tagged, "?n=5&last=zzz") == ([], None)
    answer = wire.ask("GET", f"/v2/{tagged}/tags/list?n=5&last=zzz")
    assert answer.body == f'{{"name":"{tagged}","tags":[]}}'.encode()


def test_other_parameters_are_not_carried_on(wire: Wire, tagged: str) -> None:
    _, link = tags_of(wire, tagged, "?n=1&x=y")
    assert link == f"/v2/{tagged}/tags/list?last=1&n=1"


def test_a_great_number_is_cut_down(wire: Wire, tagged: str) -> None:
    assert tags_of(wire, tagged, "?n=100000") == (TAGS, None)


def test_a_repository_without_tags_has_an_empty_list(wire: Wire, repo: str) -> None:
    """Decisions 16."""
    push_manifest(wire, repo, "one", index())
    assert wire.ask("DELETE", f"/v2/{repo}/manifests/one").status == 202
    assert tags_of(wire, repo) == ([], None)


@rows(
    Row("an unknown repository", "GET /v2/no/such/tags/list", 404, told="NAME_UNKNOWN"),
    Row("and no number helps", "GET /v2/no/such/tags/list?n=0", 404, told="NAME_UNKNOWN"),
    Row("a negative number", "GET /v2/{repo}/tags/list?n=-1", 400),
    Row("a number that is none", "GET /v2/{repo}/tags/list?n=ten", 400),
    Row("a number with a sign", "GET /v2/{repo}/tags/list?n=%2B1", 400),
    Row("a number in other digits", "GET /v2/{repo}/tags/list?n=%D9%A3", 400),
    Row("a number without end", f"GET /v2/{{repo}}/tags/list?n={'9' * 50}", 400),
    Row("no number at all", "GET /v2/{repo}/tags/list?n=", 200),
    Row("HEAD", "HEAD /v2/{repo}/tags/list", 200, has={"content-type": "application/json"}),
    Row("an unknown one by HEAD", "HEAD /v2/no/such/tags/list", 404),
    Row("a repository that only has a blob", "GET /v2/wire/blob-only/tags/list", 404),
    Row("a negative number of repositories", "GET /v2/_catalog?n=-5", 400),
    Row("a number of repositories that is none", "GET /v2/_catalog?n=x", 400),
    Row("CVE-2023-2253: too many repositories", "GET /v2/_catalog?n=1001", 400),
    Row("a great many", "GET /v2/_catalog?n=100000000000000000", 400),
    Row("as many as are allowed", "GET /v2/_catalog?n=1000", 200),
    Row("HEAD of the catalog", "HEAD /v2/_catalog", 200),
    Row("behind what is no name", "GET /v2/_catalog?last=../x", 400, told="NAME_INVALID"),
    Row("none at all", "GET /v2/_catalog?n=0", 200, text=b'{"repositories":[]}'),
)
def test_lists(row: Row, wire: Wire, stock: Stock) -> None:
    push_blob(wire, "wire/blob-only", LAYER)
    answer = check(row, wire, stock.places)
    if answer.status == 400 and row.told is None:
        assert answer.codes == ["PAGINATION_NUMBER_INVALID"]


NAMES = ["q", "q/1", "q/1/x", "q/a", "q/a/b", "q/ab", "qa"]


@pytest.fixture(scope="module")
def catalogued(wire: Wire) -> list[str]:
    for name in sorted(NAMES):
        push_manifest(wire, name, "latest", index())
    return sorted(NAMES, key=lambda name: f"{name}/_manifests".split("/"))


def test_the_catalog_has_the_order_of_the_original(wire: Wire, catalogued: list[str]) -> None:
    """That of folders, where `_manifests` has its place among the names (registry-facts §2.10)."""
    found = wire.ask("GET", "/v2/_catalog?n=1000").json()["repositories"]
    assert [name for name in found if name in NAMES] == catalogued
    assert catalogued[:3] == ["q/1", "q/1/x", "q"]


@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_pages_of_the_catalog_together_are_the_whole(
    n: int, wire: Wire, catalogued: list[str]
) -> None:
    """Bug museum 1: a repository that begins another one's name does not hide it."""
    whole = wire.ask("GET", "/v2/_catalog?n=1000").json()["repositories"]
    target, found = f"/v2/_catalog?n={n}", []
    while target:
        answer = wire.ask("GET", target)
        found += answer.json()["repositories"]
        target = following(answer.header("link")) or ""
    assert found == whole


def test_the_catalog_behind_a_name_that_does_not_exist(wire: Wire, catalogued: list[str]) -> None:
    found = wire.ask("GET", "/v2/_catalog?n=1000&last=q/aa").json()["repositories"]
    assert [name for name in found if name in NAMES] == ["q/ab", "qa"]


def test_a_deleted_repository_leaves_the_catalog(wire: Wire, repo: str) -> None:
    push_blob(wire, repo, CONFIG)
    push_blob(wire, repo, LAYER)
    digest = push_manifest(wire, repo, "latest", image())
    push_manifest(wire, f"{repo}/below", "latest", index())
    push_manifest(wire, repo, "referrer", image(subject=descriptor(image(), OCI_MANIFEST)))
    upload = wire.ask("POST", f"/v2/{repo}/blobs/uploads/").location
    answer = wire.ask("DELETE", f"/v2/_layerstore/repositories/{repo}")
    assert (answer.status, answer.body) == (202, b"")
    for path in (f"manifests/{digest}", "manifests/latest", f"blobs/{digest_of(LAYER)}"):
        assert wire.ask("HEAD", f"/v2/{repo}/{path}").status == 404
    assert wire.ask("GET", f"/v2/{repo}/referrers/{digest}").json()["manifests"] == []
    assert wire.ask("GET", upload).status == 404
    names = wire.ask("GET", "/v2/_catalog?n=1000").json()["repositories"]
    assert repo not in names
    assert f"{repo}/below" in names
    again = wire.ask("DELETE", f"/v2/_layerstore/repositories/{repo}")
    assert (again.status, again.codes) == (404, ["NAME_UNKNOWN"])

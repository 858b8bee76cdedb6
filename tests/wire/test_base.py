"""Registry-facts §2.1 and the addresses that are not about content."""

import pytest

from tests.wire.client import Wire
from tests.wire.stock import LAYER, Stock, index, push_blob, push_manifest
from tests.wire.table import Row, check, rows

JSON = "application/json"


@rows(
    Row(
        "a registry answers at its base",
        "GET /v2/",
        200,
        has={"content-type": JSON, "content-length": "2"},
        text=b"{}",
    ),
    Row("its base may be asked for by HEAD", "HEAD /v2/", 200, has={"content-length": "2"}),
    Row("a missing slash is no matter", "GET /v2", 200, text=b"{}"),
    Row("nor is one too many", "GET /v2/{repo}/tags/list/", 200),
    Row("`ns`, which proxies send, is passed over", "GET /v2/{repo}/tags/list?ns=docker.io", 200),
    Row(
        "its base takes no other method",
        "POST /v2/",
        405,
        has={"allow": "GET, HEAD"},
        told="UNSUPPORTED",
    ),
    Row("not even OPTIONS", "OPTIONS /v2/", 405, has={"allow": "GET, HEAD"}, told="UNSUPPORTED"),
    Row(
        "a load balancer asks at the root",
        "GET /",
        200,
        has={"cache-control": "no-cache", "content-length": "0"},
    ),
    Row("nothing is at other addresses", "GET /v3/", 404, told="UNSUPPORTED"),
    Row("nor below the base", "GET /v2/a/b/c", 404, told="UNSUPPORTED"),
    Row("nor at names that begin with _", "GET /v2/_other", 404, told="UNSUPPORTED"),
    Row("an address without a name is none", "GET /v2/tags/list", 400, told="NAME_INVALID"),
    Row(
        "a blob takes three methods",
        "PUT /v2/{repo}/blobs/{layer}",
        405,
        has={"allow": "GET, HEAD, DELETE"},
        told="UNSUPPORTED",
    ),
    Row(
        "a manifest takes four",
        "PATCH /v2/{repo}/manifests/latest",
        405,
        has={"allow": "GET, HEAD, PUT, DELETE"},
        told="UNSUPPORTED",
    ),
    Row("uploads take one", "GET /v2/{repo}/blobs/uploads/", 405, has={"allow": "POST"}),
    Row("methods are compared exactly", "get /v2/", 405, has={"allow": "GET, HEAD"}),
    Row("a list takes two", "DELETE /v2/{repo}/tags/list", 405, has={"allow": "GET, HEAD"}),
    Row(
        "OPTIONS tells the methods",
        "OPTIONS /v2/{repo}/manifests/latest",
        200,
        has={"allow": "GET, HEAD, PUT, DELETE", "content-length": "0"},
    ),
    Row("HEAD of an error has its length and no body", "HEAD /v2/{repo}/manifests/none", 404),
    Row("names are lower case", "GET /v2/Upper/tags/list", 400, told="NAME_INVALID"),
    Row("names have no host before them", "GET /v2/h:5000/a/tags/list", 400, told="NAME_INVALID"),
    Row("names do not begin with a dot", "GET /v2/.a/tags/list", 400, told="NAME_INVALID"),
    Row("names do not end with a dash", "GET /v2/a-/tags/list", 400, told="NAME_INVALID"),
    Row("names have no empty part", "GET /v2/a//b/tags/list", 400, told="NAME_INVALID"),
    Row("names do not climb", "GET /v2/a/../b/tags/list", 400, told="NAME_INVALID"),
    Row("names of 256 characters", f"GET /v2/{'a' * 256}/tags/list", 400, told="NAME_INVALID"),
    Row("names of 255 characters", f"GET /v2/{'a' * 255}/tags/list", 404, told="NAME_UNKNOWN"),
    Row(
        "extensions are told",
        "GET /v2/_oci/ext/discover",
        200,
        has={"content-type": JSON},
    ),
    Row("and those of a repository", "GET /v2/{repo}/_oci/ext/discover", 200),
    Row("but not of an unknown one", "GET /v2/no/such/_oci/ext/discover", 404, told="NAME_UNKNOWN"),
)
def test_base(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


@pytest.mark.parametrize("name", [None, "stock/of-everything"])
def test_an_extension_has_a_name_an_url_and_endpoints(
    name: str | None, wire: Wire, stock: Stock
) -> None:
    answer = wire.ask("GET", f"/v2/{name}/_oci/ext/discover" if name else "/v2/_oci/ext/discover")
    extensions = answer.json()["extensions"]
    assert [entry["name"] for entry in extensions] == [
        "_oci",
        "_layerstore" if name else "_catalog",
    ]
    for entry in extensions:
        assert entry["url"]
        assert entry["endpoints"]


@pytest.mark.parametrize(
    "name",
    [
        "a/tags/list",
        "x/blobs/uploads",
        "x/manifests/latest",
        "referrers/blobs",
        "tags/list",
        "a--b/c__d/e.f/g_h",
        "1/2/3/4/5/6/7/8/9",
    ],
)
def test_a_repository_may_have_any_name_that_the_grammar_allows(name: str, wire: Wire) -> None:
    """The last segments tell what an address is about (registry-facts §2.2)."""
    digest = push_blob(wire, name, LAYER)
    push_manifest(wire, name, "latest", index())
    assert wire.ask("GET", f"/v2/{name}/blobs/{digest}").body == LAYER
    assert wire.ask("GET", f"/v2/{name}/manifests/latest").body == index()
    assert wire.ask("GET", f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["latest"]}
    assert wire.ask("GET", f"/v2/{name}/referrers/{digest}").json()["manifests"] == []
    assert wire.ask("DELETE", wire.ask("POST", f"/v2/{name}/blobs/uploads/").location).status == 204

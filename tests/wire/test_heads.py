"""HEAD is answered as GET is, without the body: at every address, found or not."""

from __future__ import annotations

from http.client import responses

import pytest

from layerstore.api.routes import Shape, locate, methods_at
from tests.wire.client import Answer, Wire
from tests.wire.stock import DOCKER_MANIFEST, OCI_MANIFEST, Stock

ADDRESSES = (
    "/",
    "/v2/",
    "/v2",
    "/v2/_catalog?n=1",
    "/v2/_catalog?n=x",
    "/v2/_layerstore/token",
    "/v2/_oci/ext/discover",
    "/v2/{repo}/_oci/ext/discover",
    "/v2/{repo}/tags/list?n=2",
    "/v2/no/such/tags/list",
    "/v2/{repo}/manifests/latest",
    "/v2/{repo}/manifests/multi",
    "/v2/{repo}/manifests/{index}",
    "/v2/{repo}/manifests/{absent}",
    "/v2/{repo}/manifests/none",
    "/v2/{repo}/blobs/{layer}",
    "/v2/{repo}/blobs/{absent}",
    "/v2/{repo}/blobs/sha256:no",
    "/v2/{repo}/referrers/{oci}",
    "/v2/{repo}/referrers/{oci}?artifactType=a/b",
    "/v2/{repo}/referrers/sha256:no",
    "/v2/{repo}/blobs/uploads/00000000-0000-4000-8000-000000000000",
    "/v2/{repo}/blobs/uploads/",
    "/nowhere",
)
CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {"If-None-Match": "*"},
    {"If-Match": '"another"'},
    {"Accept": DOCKER_MANIFEST},
    {"Accept": f"{OCI_MANIFEST};q=0, a/b"},
)
PASSING = {"date", "x-request-id", "docker-upload-uuid"}
"""Headers that tell one answer from the next, whatever the method."""


def standing(answer: Answer) -> list[tuple[str, str]]:
    return sorted(header for header in answer.headers if header[0] not in PASSING)


@pytest.mark.parametrize("conditions", CONDITIONS, ids=str)
@pytest.mark.parametrize("address", ADDRESSES)
def test_head_is_get_without_a_body(
    address: str, conditions: dict[str, str], wire: Wire, stock: Stock
) -> None:
    target = address.format_map(stock.places)
    got, head = (wire.ask(method, target, conditions) for method in ("GET", "HEAD"))
    assert head.status in responses
    assert (head.status, standing(head)) == (got.status, standing(got))
    assert head.body == b""


def test_so_is_the_status_of_an_upload(wire: Wire, repo: str) -> None:
    location = wire.ask("POST", f"/v2/{repo}/blobs/uploads/").location
    got, head = (wire.ask(method, location) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (204, b"")
    assert standing(head) == standing(got)


def test_every_address_that_is_read_is_among_these(stock: Stock) -> None:
    paths = [address.format_map(stock.places).partition("?")[0] for address in ADDRESSES[:-1]]
    read = {locate(path).shape for path in paths if "GET" in methods_at(path)}
    assert read == set(Shape) - {Shape.UPLOADS, Shape.REPOSITORY}

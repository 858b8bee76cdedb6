"""Figures: what is counted under which name, and how it is told."""

from pathlib import Path

import pytest

from layerstore.telemetry.metrics import Metrics, exposition, handler_of
from layerstore.telemetry.page import Page
from layerstore.telemetry.requests import Asked, Exchange
from tests.fakes import EPOCH


def exchange(
    uri: str = "/v2/", method: str = "GET", status: int = 200, took: float = 0.02
) -> Exchange:
    return Exchange(EPOCH, "id", method, uri, "1.1", "r", Asked("h"), status, "", 70, 5, took, {})


@pytest.mark.parametrize(
    ("uri", "handler"),
    [
        ("/v2/", "base"),
        ("/", "base"),
        ("/v2/_catalog?n=1", "catalog"),
        ("/v2/a/b/tags/list", "tags"),
        ("/v2/a/manifests/latest", "manifest"),
        ("/v2/a/blobs/sha256:0", "blob"),
        ("/v2/a/blobs/uploads/", "blob_upload"),
        ("/v2/a/blobs/uploads", "blob_upload"),
        ("/v2/a/blobs/uploads/?mount=x", "blob_upload"),
        ("/v2/a/blobs/uploads/some-id?_state=x", "blob_upload_chunk"),
        ("/v2/a/referrers/sha256:0", "referrers"),
        ("/prefix/v2/a/manifests/x?a=/blobs/", "manifest"),
    ],
)
def test_an_address_has_the_handler_that_the_original_names(uri: str, handler: str) -> None:
    assert handler_of(uri) == handler


def test_requests_are_counted_by_handler_method_and_code() -> None:
    page = Page.private()
    metrics = Metrics(page)
    for _ in range(3):
        metrics.request(exchange("/v2/a/manifests/x"))
    metrics.request(exchange("/v2/a/manifests/x", "BREW", 299))
    lines = exposition(page, "filesystem").splitlines()
    name = "registry_http_requests_total"
    assert f'{name}{{handler="manifest",method="get",code="200"}} 3' in lines
    assert f'{name}{{handler="manifest",method="other",code="other"}} 1' in lines
    assert 'registry_http_response_size_bytes_sum{handler="manifest"} 280' in lines


def test_a_histogram_adds_up_from_bound_to_bound() -> None:
    page = Page.private()
    for seconds in (0.001, 0.005, 0.3, 60.0):
        Metrics(page).storage("filesystem", "stat", seconds)
    text = exposition(page, "filesystem")
    name, labels = "registry_storage_action_seconds", 'driver="filesystem",action="Stat"'
    assert f'{name}_bucket{{{labels},le="0.005"}} 2\n' in text
    assert f'{name}_bucket{{{labels},le="0.5"}} 3\n' in text
    assert f'{name}_bucket{{{labels},le="+Inf"}} 4\n' in text
    assert f"{name}_count{{{labels}}} 4\n" in text
    assert f"{name}_sum{{{labels}}} 60.306\n" in text


def test_figures_are_sums_over_workers_and_outlive_them(tmp_path: Path) -> None:
    parent = Page.create(tmp_path / "page", 2)
    for slot in (0, 1):
        Metrics(Page.open(tmp_path / "page", slot)).request(exchange())
    parent.fold(1)
    line = 'registry_http_requests_total{handler="base",method="get",code="200"} 2'
    assert line in exposition(parent, "filesystem").splitlines()


def in_flight(page: Page) -> dict[str, str]:
    """The requests in flight by handler, but for those of which there are none."""
    name = "registry_http_in_flight_requests"
    lines = [line for line in exposition(page, "filesystem").splitlines() if line.startswith(name)]
    counts = [line.removeprefix(f'{name}{{handler="').split('"} ') for line in lines]
    return {handler: count for handler, count in counts if count != "0"}


def test_requests_in_flight_are_those_that_began_and_have_not_ended(tmp_path: Path) -> None:
    parent = Page.create(tmp_path / "page", 2)
    workers = [Metrics(Page.open(tmp_path / "page", slot)) for slot in (0, 1)]
    held = [worker.began("/v2/a/blobs/uploads/some-id") for worker in workers]
    workers[0].began("/v2/a/manifests/latest")
    assert in_flight(parent) == {"blob_upload_chunk": "2", "manifest": "1"}
    workers[0].ended(held[0])
    assert in_flight(parent) == {"blob_upload_chunk": "1", "manifest": "1"}
    parent.fold(0)
    assert in_flight(parent) == {"blob_upload_chunk": "1"}


def test_handlers_without_requests_in_flight_are_told_too() -> None:
    text = exposition(Page.private(), "filesystem")
    assert "# TYPE registry_http_in_flight_requests gauge\n" in text
    assert text.count("\nregistry_http_in_flight_requests{") == 8

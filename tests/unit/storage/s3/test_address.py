"""Where a bucket is, by what the configuration says."""

import pytest

from layerstore.storage.s3.address import AddressUnusable, Place

FOR_OBJECT = "docker/registry/v2/blobs/a+b c"
ENCODED = "docker/registry/v2/blobs/a%2Bb%20c"


def url(place: Place, endpoint: str | None = None) -> str:
    address = place.address(endpoint)
    return f"{address.scheme}://{address.host}{address.path(FOR_OBJECT)}"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (Place("b", "eu-central-1"), "https://b.s3.eu-central-1.amazonaws.com/"),
        (Place("b", "r", secure=False), "http://b.s3.r.amazonaws.com/"),
        (Place("b", "r", path_style=True), "https://s3.r.amazonaws.com/b/"),
        (Place("with.dots", "r"), "https://s3.r.amazonaws.com/with.dots/"),
        (Place("with.dots", "r", secure=False), "http://with.dots.s3.r.amazonaws.com/"),
        (Place("b", "cn-north-1"), "https://b.s3.cn-north-1.amazonaws.com.cn/"),
        (Place("b", "r", dual_stack=True), "https://b.s3.dualstack.r.amazonaws.com/"),
        (Place("b", "r", fips=True), "https://b.s3-fips.r.amazonaws.com/"),
        (
            Place("b", "r", fips=True, dual_stack=True),
            "https://b.s3-fips.dualstack.r.amazonaws.com/",
        ),
        (Place("b", "r", accelerate=True), "https://b.s3-accelerate.amazonaws.com/"),
        (
            Place("b", "r", accelerate=True, dual_stack=True),
            "https://b.s3-accelerate.dualstack.amazonaws.com/",
        ),
        (Place("b", "r", "http://127.0.0.1:9000", path_style=True), "http://127.0.0.1:9000/b/"),
        (Place("b", "r", "http://[::1]:9000", path_style=True), "http://[::1]:9000/b/"),
        (Place("b", "r", "https://s3.example/", path_style=False), "https://b.s3.example/"),
        (Place("b", "r", "https://s3.example:443"), "https://s3.example/b/"),
        (Place("b", "r", "https://s3.example/under/it"), "https://s3.example/under/it/b/"),
        (Place("b", "r", "s3.example"), "https://s3.example/b/"),
        (Place("b", "r", "s3.example", secure=False), "http://s3.example/b/"),
    ],
)
def test_an_object_is_asked_for_where_its_bucket_is(place: Place, expected: str) -> None:
    assert url(place) == expected + ENCODED


def test_clients_may_know_the_store_under_another_name() -> None:
    place = Place("b", "r", "http://inside:9000", path_style=True)
    assert url(place, "https://files.example") == f"https://files.example/b/{ENCODED}"


@pytest.mark.parametrize("endpoint", ["ftp://x", "https://", "http://x:port", "https://x?y=z"])
def test_what_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(AddressUnusable, match="is no URL"):
        Place("b", "r", endpoint).address()

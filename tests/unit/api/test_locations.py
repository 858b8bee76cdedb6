"""Locations by decisions 7."""

import pytest

from layerstore.api.calls import ListTags, Page, UploadStatus
from layerstore.api.locations import Locations
from layerstore.api.options import ApiOptions
from layerstore.oci.name import Name
from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request
from tests.unit.api.bodies import Pieces

TAGS = ListTags(Name("a/b"))
TARGET = "/v2/a/b/tags/list"


def request(host: str | None = "registry.example:5000", scheme: str = "https") -> Request:
    headers = [] if host is None else [("host", host)]
    return Request("GET", TARGET, "", HeaderLines(headers), Pieces(), scheme=scheme)


@pytest.mark.parametrize(
    ("options", "location"),
    [
        (ApiOptions(secret=b"s"), TARGET),
        (ApiOptions(secret=b"s", relative_urls=True), TARGET),
        (ApiOptions(secret=b"s", prefix="/hub/"), f"/hub{TARGET}"),
        (ApiOptions(secret=b"s", relative_urls=False), f"https://registry.example:5000{TARGET}"),
        (ApiOptions(secret=b"s", host="https://r.example"), f"https://r.example{TARGET}"),
        (ApiOptions(secret=b"s", host="https://r.example/"), f"https://r.example{TARGET}"),
        (
            ApiOptions(secret=b"s", host="http://r.example:80", relative_urls=True, prefix="/x/"),
            f"http://r.example:80/x{TARGET}",
        ),
    ],
)
def test_where_a_location_leads(options: ApiOptions, location: str) -> None:
    assert Locations(options).of(TAGS, request()) == location


def test_without_a_host_to_name_a_location_is_relative() -> None:
    options = ApiOptions(secret=b"s", relative_urls=False)
    assert Locations(options).of(TAGS, request(host=None)) == TARGET


def test_others_are_told_absolute_addresses() -> None:
    assert (
        Locations(ApiOptions(secret=b"s")).absolute(TAGS, request(scheme="http"))
        == f"http://registry.example:5000{TARGET}"
    )


def test_parameters_are_percent_encoded() -> None:
    locations = Locations(ApiOptions(secret=b"s"))
    call = UploadStatus(Name("a"), "0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b", "A-_b==")
    assert locations.of(call, request()).endswith("?_state=A-_b%3D%3D")
    page = ListTags(Name("a"), Page(5, "v1"))
    assert locations.of(page, request()) == "/v2/a/tags/list?last=v1&n=5"

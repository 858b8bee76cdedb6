"""Signatures are those of the texts that Microsoft's documentation describes.

Azurite checks them too, in the contract suite; here each line of a text stands written out.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from layerstore.storage.azure.signature import LentKey, Reading, SharedKey
from layerstore.storage.objects.unusable import StoreUnusable

AT = datetime(2026, 2, 1, 9, 0, 0, tzinfo=UTC)
KEY = SharedKey.of("images", b64encode(b"a key").decode())
LENT = LentKey("owner", "tenant", "2026-02-01T08:00:00Z", "2026-02-02", "b", "v", b"lent")


def signed(key: bytes, *lines: str) -> str:
    return b64encode(hmac.digest(key, "\n".join(lines).encode(), "sha256")).decode()


def test_a_request_is_signed_with_the_account_s_key() -> None:
    headers = {
        "x-ms-version": "2022-11-02",
        "x-ms-date": "Sun, 01 Feb 2026 09:00:00 GMT",
        "content-type": "application/xml",
        "if-none-match": "*",
        "range": "bytes=1-2",
    }
    query = [("restype", "container"), ("comp", "list")]
    given = KEY.authorization("PUT", "/images/c/a%20b", query, headers, 12)
    lines = [
        *("PUT", "", "", "12", "", "application/xml", "", "", "", "*", "", "bytes=1-2"),
        *("x-ms-date:Sun, 01 Feb 2026 09:00:00 GMT", "x-ms-version:2022-11-02"),
        *("/images/images/c/a%20b", "comp:list", "restype:container"),
    ]
    assert given == f"SharedKey images:{signed(b'a key', *lines)}"


def test_a_body_of_nothing_has_no_length() -> None:
    given = KEY.authorization("GET", "/c", (), {}, 0)
    assert given.endswith(signed(b"a key", "GET", *[""] * 11, "/images/c"))


@pytest.fixture
def reading() -> Reading:
    return Reading.lasting("images", "registry", "a/b c", AT, 1200)


def test_an_address_is_signed_by_the_account(reading: Reading) -> None:
    query = {name: found[0] for name, found in parse_qs(reading.by_account(KEY)).items()}
    signature = query.pop("sig")
    assert query == {
        "sv": "2022-11-02",
        "sr": "b",
        "sp": "r",
        "st": "2026-02-01T08:55:00Z",
        "se": "2026-02-01T09:20:00Z",
    }
    lines = ["r", "2026-02-01T08:55:00Z", "2026-02-01T09:20:00Z", "/blob/images/registry/a/b c"]
    identifier, address, protocol = "", "", ""
    snapshot, scope = "", ""
    answer_headers = [""] * 5
    assert signature == signed(
        b"a key",
        *lines,
        *(identifier, address, protocol, "2022-11-02", "b", snapshot, scope),
        *answer_headers,
    )


def test_an_address_is_signed_by_a_user(reading: Reading) -> None:
    query = {name: found[0] for name, found in parse_qs(reading.by_user(LENT)).items()}
    assert (query["skoid"], query["sktid"], query["sks"], query["skv"]) == (
        *("owner", "tenant", "b", "v"),
    )
    authorized, unauthorized, correlation = "", "", ""
    address, protocol, snapshot, scope = "", "", "", ""
    assert query["sig"] == signed(
        b"lent",
        *("r", "2026-02-01T08:55:00Z", "2026-02-01T09:20:00Z", "/blob/images/registry/a/b c"),
        *("owner", "tenant", "2026-02-01T08:00:00Z", "2026-02-02", "b", "v"),
        *(authorized, unauthorized, correlation, address, protocol),
        *("2022-11-02", "b", snapshot, scope, "", "", "", "", ""),
    )


def test_a_key_that_is_none_is_refused_without_a_word_of_it() -> None:
    with pytest.raises(StoreUnusable, match="base64") as told:
        SharedKey.of("images", "not base64!")
    assert "not base64" not in str(told.value)

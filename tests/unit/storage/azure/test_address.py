"""Where an account's blobs are, out of the parameters or a connection string."""

from __future__ import annotations

import pytest

from layerstore.storage.azure.address import (
    EMULATED_ACCOUNT,
    EMULATED_KEY,
    Account,
    Address,
    account_of,
)
from layerstore.storage.objects.unusable import StoreUnusable

PLAIN = "DefaultEndpointsProtocol=https;AccountName=images;AccountKey=a2V5Cg=="


@pytest.mark.parametrize(
    ("given", "account"),
    [
        (("images", "key", ""), Account("images", "https://images.blob.core.windows.net", "key")),
        (
            ("images", "key", "core.chinacloudapi.cn"),
            Account("images", "https://images.blob.core.chinacloudapi.cn", "key"),
        ),
        (
            ("images", "key", "", "http://127.0.0.1:10000/images/"),
            Account("images", "http://127.0.0.1:10000/images", "key"),
        ),
        (
            ("other", "other", "", "", PLAIN),
            Account("images", "https://images.blob.core.windows.net", "a2V5Cg=="),
        ),
        (
            ("", "", "", "", f"{PLAIN}; EndpointSuffix=core.usgovcloudapi.net;"),
            Account("images", "https://images.blob.core.usgovcloudapi.net", "a2V5Cg=="),
        ),
        (
            (
                "",
                "",
                "",
                "",
                "BlobEndpoint=https://b.example:8/x/;SharedAccessSignature=?sv=1&sig=2%3D",
            ),
            Account("b", "https://b.example:8/x", "", "sv=1&sig=2%3D"),
        ),
        (
            ("", "", "", "", "UseDevelopmentStorage=true"),
            Account(EMULATED_ACCOUNT, "http://127.0.0.1:10000/devstoreaccount1", EMULATED_KEY),
        ),
    ],
    ids=["name", "realm", "url", "string", "suffix", "signature", "emulator"],
)
def test_where_an_account_is(given: tuple[str, ...], account: Account) -> None:
    assert account_of(*given) == account


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("", "key", ""), "accountname is missing"),
        (("a", "key", "", "ftp://b"), "URL of the store"),
        (("a", "key", "", "https://b?c=d"), "URL of the store"),
        (("a", "key", "", "https://b:port"), "URL of the store"),
        (("", "", "", "", "AccountKey=a"), "neither AccountName nor BlobEndpoint"),
        (("", "", "", "", "AccountName=a"), "neither AccountKey nor SharedAccessSignature"),
    ],
)
def test_what_names_no_account_says_why(given: tuple[str, ...], reason: str) -> None:
    with pytest.raises(StoreUnusable, match=reason) as told:
        account_of(*given)
    assert "key" not in str(told.value).split()


def test_the_key_of_a_blob_stands_encoded_in_its_path() -> None:
    address = Address("a", "https://host/a", "c")
    assert address.path("x/y z!session") == "/a/c/x/y%20z%21session"
    assert address.url(address.path("x"), "q=1") == "https://host/a/c/x?q=1"
    assert (address.path(), address.service_path, address.host) == ("/a/c", "/a/", "host")

"""The Authorization header of RFC 7617, and who sends none."""

import base64

import pytest

from layerstore.auth.addresses import parse_address
from layerstore.auth.basic import Credentials, names_nobody, parse_basic


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("content", "credentials"),
    [
        (b"alice:secret", Credentials("alice", b"secret")),
        (b"alice:", Credentials("alice", b"")),
        (b":secret", Credentials("", b"secret")),
        (b"alice:with:colons", Credentials("alice", b"with:colons")),
        ("jörg:grün".encode(), Credentials("jörg", "grün".encode())),
        (b"alice:\xff", Credentials("alice", b"\xff")),
    ],
)
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_name_and_a_password_are_read(
    scheme: str, content: bytes, credentials: Credentials
) -> None:
    assert parse_basic(f"{scheme} {encoded(content)}") == credentials


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U",
        f"Basic {encoded(b'alice')}",
        f"Basic {encoded(b':')}",
        f"Basic {encoded(b'a' + bytes([255]) + b':x')}",
        f"Bearer {encoded(b'alice:secret')}",
        encoded(b"alice:secret"),
    ],
)
def test_everything_else_is_no_credentials(header: str | None) -> None:
    assert parse_basic(header) is None


@pytest.mark.parametrize("header", [None, "", "Basic Og==", "basic Og=="])
def test_an_empty_name_and_password_are_nobodys(header: str | None) -> None:
    assert names_nobody(header)


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", f"Basic {encoded(b':x')}", "Bearer x", "Bearer Og==", "x"]
)
def test_whatever_was_sent_is_looked_at(header: str) -> None:
    assert not names_nobody(header)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", "None"),
        ("registry.example", "None"),
        ("192.0.2.1:80", "None"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    assert str(parse_address(text)) == address

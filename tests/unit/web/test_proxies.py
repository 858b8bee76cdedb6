"""Which addresses belong to the proxies that are named."""

import pytest

from layerstore.web.proxies import proxies


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/8", "10.200.3.4"),
        ("10.0.0.9/8", "10.200.3.4"),
        ("10.0.0.0/8", "::ffff:10.1.1.1"),
        ("2001:db8::/32", "2001:db8::7"),
        ("::1", "::1"),
        ("unix", ""),
    ],
)
def test_a_named_one_is_trusted(name: str, address: str) -> None:
    assert proxies(["192.0.2.1", name])(address)


@pytest.mark.parametrize("address", ["11.0.0.1", "::1", "", "unix", "10.0.0.1:80", "10.0.0", "::a"])
def test_nobody_else_is(address: str) -> None:
    assert not proxies(["10.0.0.0/8", "192.0.2.1"])(address)


@pytest.mark.parametrize("address", ["unknown", "127.0.0.1", "x"])
def test_the_unix_socket_is_no_address(address: str) -> None:
    assert not proxies(["unix"])(address)


def test_no_names_trust_nobody() -> None:
    assert not proxies([])("")
    assert not proxies([])("127.0.0.1")


@pytest.mark.parametrize("name", ["", "proxy.example", "10.0.0.0/33", "*", "10.0.0.1:80"])
def test_what_is_no_network_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        proxies(["10.0.0.1", name])

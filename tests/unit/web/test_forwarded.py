"""Whom a request is believed to come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.web.forwarded import origin
from layerstore.web.headers import HOST, HeaderLines

PROXIES = {"10.0.0.1", "10.0.0.2"}
PEER = "10.0.0.1"
HOST_LINE = ("host", "inner.example")


def seen(*headers: tuple[str, str], peer: str = PEER) -> tuple[str, str, str]:
    """The peer, scheme and host that are believed."""
    found = origin(HeaderLines([HOST_LINE, *headers]), peer, "http", PROXIES.__contains__)
    return found.peer, found.scheme, dict(found.headers)["host"]


def test_without_such_headers_the_socket_decides() -> None:
    assert seen() == (PEER, "http", "inner.example")


def test_headers_of_strangers_are_taken_away() -> None:
    forged = [("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=1.1.1.1"), ("accept", "*/*")]
    found = origin(HeaderLines(forged), "192.0.2.9", "http", PROXIES.__contains__)
    assert found == ("192.0.2.9", "http", HeaderLines([("accept", "*/*")]))


FULL = [
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "public.example"),
]


def test_a_named_proxy_speaks_for_its_client() -> None:
    assert seen(*FULL) == ("203.0.113.7", "https", "public.example")
    standard = ("forwarded", 'for=203.0.113.7;proto=https;host="public.example"')
    assert seen(standard) == ("203.0.113.7", "https", "public.example")


@pytest.mark.parametrize("own", FULL)
def test_what_a_client_forges_in_the_form_that_its_proxy_does_not_speak_is_passed_over(
    own: tuple[str, str],
) -> None:
    """Most proxies say X-Forwarded-… anew, and pass a client's own `Forwarded` on as it came."""
    forged = ("forwarded", 'for=10.0.0.9;proto=https;host="forged.example"')
    assert seen(own, forged) == seen(forged, own) == seen(own)


CHAINS: list[tuple[str, str]] = [
    ("203.0.113.7", "203.0.113.7"),
    ("6.6.6.6, 203.0.113.7", "203.0.113.7"),
    ("203.0.113.7, 10.0.0.2", "203.0.113.7"),
    ("6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
    ("10.0.0.2, 10.0.0.2", "10.0.0.2"),
    ("203.0.113.7:4711", "203.0.113.7"),
    ("[2001:db8::7]:4711", "2001:db8::7"),
    ("2001:db8::7", "2001:db8::7"),
    ("unknown", PEER),
    ("fe80::1%any\ttext", PEER),
    ("203.0.113.7\r\nx", PEER),
    ("", PEER),
]


@pytest.mark.parametrize(("chain", "client"), CHAINS)
def test_the_client_is_the_last_one_that_no_proxy_of_ours_is(chain: str, client: str) -> None:
    assert seen(("x-forwarded-for", chain))[0] == client


def test_lines_of_one_name_are_one_chain() -> None:
    lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.7, 10.0.0.2")]
    assert seen(*lines)[0] == "203.0.113.7"


def test_what_the_outermost_proxy_says_counts_and_not_what_its_client_said() -> None:
    lines = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.7"),
        ("x-forwarded-proto", "gopher, https"),
        ("x-forwarded-host", "forged.example, public.example"),
    ]
    assert seen(*lines) == ("203.0.113.7", "https", "public.example")


@pytest.mark.parametrize("elements", [1_000, 100_000])
def test_a_chain_without_end_is_not_followed(elements: int) -> None:
    chain = "6.6.6.6," + ",".join(["10.0.0.2"] * elements)
    assert seen(("x-forwarded-for", chain))[0] == "10.0.0.2"


@pytest.mark.parametrize("value", ["ftp", "https\r\nx: y", "javascript", ""])
def test_only_known_schemes_count(value: str) -> None:
    assert seen(("x-forwarded-proto", value))[1] == "http"


@pytest.mark.parametrize(
    "value", ["a/b", "a b", "a\r\nb", "user@a", "a:123456", "", "\u00e4.example"]
)
def test_only_hosts_that_may_stand_in_a_url_count(value: str) -> None:
    assert seen(("x-forwarded-host", value))[2] == "inner.example"


NAMES = st.sampled_from(
    ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]
)


@given(st.lists(st.tuples(NAMES, st.text(max_size=60)), max_size=6))
def test_whatever_proxies_say_what_is_believed_is_well_formed(
    headers: list[tuple[str, str]],
) -> None:
    peer, scheme, host = seen(*headers)
    assert set(peer) <= set("0123456789abcdef.:")
    assert scheme in ("http", "https")
    assert HOST.fullmatch(host)

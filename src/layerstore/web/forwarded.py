"""Who asked, and for what origin, when a proxy stands between.

`X-Forwarded-*` and `Forwarded` (RFC 7239) count only from named proxies, and are taken away from
everybody else's requests, so that nothing behind this file can believe them. A proxy speaks one of
the two, and most pass the other one on as a client wrote it: beside any `X-Forwarded-*`, which
nearly all speak, `Forwarded` says nothing.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from layerstore.web.headers import HOST, HeaderLines

ELEMENTS_MAX: Final = 32
"""Proxies in one chain; what stands further left is not looked at."""

_NAMES: Final = frozenset(
    {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"}
)
_PAIR: Final = re.compile(r'\s*([A-Za-z]+)=(?:"([^"]*)"|([^",\s]*))\s*')
_SCHEMES: Final = ("http", "https")

Trusted = Callable[[str], bool]


class Origin(NamedTuple):
    """The client's address, the scheme that it used, and the headers that may be believed."""

    peer: str
    scheme: str
    headers: HeaderLines


class _Hop(NamedTuple):
    """What one proxy says of the request that reached it; empty where it says nothing."""

    peer: str
    scheme: str
    host: str


def nobody(_address: str) -> bool:
    """Trusts no proxy."""
    return False


def origin(headers: HeaderLines, peer: str, scheme: str, trusted: Trusted) -> Origin:
    """The request as the outermost trusted proxy received it; as it came when there is none."""
    if headers.names.isdisjoint(_NAMES):
        return Origin(peer, scheme, headers)
    own = [(name, value) for name, value in headers if name not in _NAMES]
    if not trusted(peer):
        return Origin(peer, scheme, HeaderLines(own))
    hop = _outermost(_hops(headers), trusted)
    if hop.host:
        own = [("host", hop.host), *((name, value) for name, value in own if name != "host")]
    return Origin(hop.peer or peer, hop.scheme or scheme, HeaderLines(own))


def _outermost(hops: Sequence[_Hop], trusted: Trusted) -> _Hop:
    """From the right: the first hop whose sender is no trusted proxy, as it was told to us."""
    found = _Hop("", "", "")
    for hop in reversed(hops):
        found = hop
        if not trusted(hop.peer):
            break
    return found


def _hops(headers: HeaderLines) -> list[_Hop]:
    if not any(name.startswith("x-") for name, _ in headers if name in _NAMES):
        return [_standard_hop(element) for element in _elements(headers, "forwarded")]
    peers = _elements(headers, "x-forwarded-for")
    schemes = _elements(headers, "x-forwarded-proto")
    hosts = _elements(headers, "x-forwarded-host")
    depth = max(len(peers), len(schemes), len(hosts))
    return [
        _hop(_at(peers, back), _at(schemes, back), _at(hosts, back)) for back in range(depth, 0, -1)
    ]


def _at(elements: Sequence[str], back: int) -> str:
    """The element so far from the right; a shorter list ends with its first one."""
    return elements[max(0, len(elements) - back)] if elements else ""


def _elements(headers: HeaderLines, name: str) -> list[str]:
    lines = ",".join(value for key, value in headers if key == name)
    return [element.strip() for element in lines.split(",")][-ELEMENTS_MAX:] if lines else []


def _standard_hop(element: str) -> _Hop:
    found = [_PAIR.fullmatch(pair) for pair in element.split(";")]
    pairs = {match[1].lower(): match[2] or match[3] or "" for match in found if match}
    return _hop(pairs.get("for", ""), pairs.get("proto", ""), pairs.get("host", ""))


def _hop(peer: str, scheme: str, host: str) -> _Hop:
    return _Hop(
        _address(peer),
        scheme.lower() if scheme.lower() in _SCHEMES else "",
        host if HOST.fullmatch(host) else "",
    )


def _address(text: str) -> str:
    """The bare address of `1.2.3.4`, `1.2.3.4:5`, `[::1]`, `[::1]:5` or `::1`; empty else."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    return "" if "%" in bare else str(address)  # a zone may be any text, and is another machine's

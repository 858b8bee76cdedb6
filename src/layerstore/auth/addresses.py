"""Network addresses of clients, each in one form only."""

from ipaddress import IPv4Address, IPv6Address, ip_address


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address; None on a unix socket, and for what is no address.

    An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address; a zone is left out.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

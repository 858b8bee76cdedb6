"""The sockets that a server listens on.

Opened once, by one process, and shared by all that accept from them: an address that is taken is
noticed, and a connection that waits is not lost with the worker that might have had it. Nothing
here accepts.
"""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

BACKLOG: Final = 4_096
"""Connections that wait in the kernel until a worker accepts them."""

UNACKNOWLEDGED_MS: Final = 120_000
"""Milliseconds after which a connection is cut whose other end takes nothing any more."""

KEEPALIVE_IDLE_S: Final = 60
KEEPALIVE_INTERVAL_S: Final = 15
KEEPALIVE_PROBES: Final = 4

SOCKET_MODE: Final = 0o660
"""Permissions of a socket in the file system."""

PORT_MAX: Final = 65_535

_PORT_DIGITS_MAX: Final = 8
_SHOWN_LENGTH_MAX: Final = 64
_LOOPBACKS: Final = ("127.0.0.1", "::1")
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class AddressInvalid(Exception):
    """This is no address to listen on; the text says why."""


class AddressUnusable(Exception):
    """Nobody can listen there now; the text names the address and the reason."""


def listen(address: str, network: str = "tcp") -> list[socket.socket]:
    """Listening sockets for `http.addr` and `http.net`: `host:port`, `:port`, or a path for `unix`.

    `localhost` means both loopback addresses, of which one may be missing; no host, or `*`, means
    all addresses. Port 0 takes a free one. Raises AddressInvalid and AddressUnusable.
    """
    if network == "unix":
        return [_listen_unix(Path(address))]
    if network not in ("tcp", "tcp4", "tcp6"):
        raise AddressInvalid(f"http.net is {network!r}; it may be tcp or unix")
    host, port = parse_address(address)
    opened: list[socket.socket] = []
    try:
        for resolved in _resolved(host):
            known = opened[0].getsockname()[1] if opened else port
            opened += _listen_tcp(resolved, known, may_be_missing=host == "localhost")
    except AddressUnusable:
        close_all(opened)
        raise
    if not opened:
        raise AddressUnusable(f"this machine has none of the addresses of {host}")
    return opened


def parse_address(address: str) -> tuple[str, int]:
    """Host (empty: all) and port of `host:port`, `[v6]:port` or `:port`. Raises AddressInvalid."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise AddressInvalid(f"{address!r} does not end with a port, as in localhost:5000")
    if len(port) > _PORT_DIGITS_MAX or int(port) > PORT_MAX:
        raise AddressInvalid(
            f"{address[:_SHOWN_LENGTH_MAX]!r}: ports are 1 to {PORT_MAX}, or 0 for a free one"
        )
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise AddressInvalid(f"{address!r}: an IPv6 address stands in brackets, as in [::1]:5000")
    return ("" if host == "*" else host), int(port)


def url(listener: socket.socket, scheme: str = "http") -> str:
    """Where a listening socket can be reached."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def close_all(listeners: list[socket.socket]) -> None:
    """Stop listening; files of sockets are taken away. Once more is no error."""
    for listener in listeners:
        if listener.fileno() < 0:
            continue
        if listener.family == socket.AF_UNIX:
            Path(listener.getsockname()).unlink(missing_ok=True)
        listener.close()


def _resolved(host: str) -> list[str]:
    """The numeric addresses of a host, each once, in the order of preference."""
    if host == "localhost":
        return list(_LOOPBACKS)
    if not host:
        return ["::"] if socket.has_dualstack_ipv6() else ["0.0.0.0"]  # noqa: S104  # asked for
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise AddressUnusable(f"the name {host} cannot be resolved: {error.strerror}") from error
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _listen_tcp(host: str, port: int, *, may_be_missing: bool) -> list[socket.socket]:
    try:
        return [_bound(host, port)]
    except OSError as error:
        if may_be_missing and error.errno in _NOT_HERE:
            return []
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise AddressUnusable(_reason(shown, error)) from error


def _bound(host: str, port: int) -> socket.socket:
    """Without SO_REUSEPORT: a second server on this address fails instead of sharing it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != "::")
        _set_patience(listener)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _set_patience(listener: socket.socket) -> None:
    """How long dead and stalled peers are borne; accepted connections inherit it."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    tcp = socket.IPPROTO_TCP
    listener.setsockopt(tcp, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    listener.setsockopt(tcp, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
    listener.setsockopt(tcp, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)
    listener.setsockopt(tcp, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    listener.setsockopt(tcp, socket.TCP_NODELAY, 1)


def _listen_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listener.bind(str(path))
        path.chmod(SOCKET_MODE)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressUnusable(_reason(str(path), error)) from error
    return listener


def _remove_stale(path: Path) -> None:
    """Take away the socket of a server that is gone; nothing else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == errno.ECONNREFUSED:
            path.unlink()


def _reason(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the address {address} is taken: another program listens there"
    return f"the address {address} cannot be listened on: {os.strerror(error.errno or 0)}"

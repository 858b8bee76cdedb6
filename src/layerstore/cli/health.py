"""`layerstore health`: whether a server answers, for whoever starts it anew when it does not.

Asked where the configuration says that the server listens, from the same machine. A server that
wants a login answers too.
"""

import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.core import TyperGroup

from layerstore.cli.opened import EXIT_REFUSED, EXIT_USAGE, fail
from layerstore.cli.running import running_server
from layerstore.config import Config, ConfigError
from layerstore.config.loading import load
from layerstore.web.sockets import AddressInvalid, parse_address

EPILOG: Final = (
    "Examples:\n\n  layerstore health\n\n  layerstore health /etc/docker/registry/config.yml\n\n"
    "Exit status: 0 it answers and is well; 1 it is not, or does not answer; 2 wrong arguments or "
    "configuration."
)

SECONDS_DEFAULT: Final = 5.0
"""Seconds within which a server has to connect, and then to answer."""

_USER_AGENT: Final = "layerstore-health"
_LINE_BYTES_MAX: Final = 4096
_WELL: Final = range(200, 500)
_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # compared, not bound
_LOOPBACK: Final = "127.0.0.1"


def health(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="Configuration of the server; without it that of the server that runs here.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long the server may take to answer.")
    ] = SECONDS_DEFAULT,
) -> None:
    """Ask the server on this machine whether it is well."""
    try:
        asked = load(config, os.environ).config if config else _config_of_running(context)
        status = _status(asked, seconds)
    except (ConfigError, AddressInvalid) as error:
        fail(str(error), EXIT_USAGE)
    except OSError as error:
        fail(f"no answer: {error.strerror or error}", EXIT_REFUSED)
    if status is not None and status not in _WELL:
        fail(f"the server is not well: it answers with {status}", EXIT_REFUSED)


def _config_of_running(context: typer.Context) -> Config:
    """What the server was started with, options and variables included. Raises ConfigError."""
    server = running_server()
    if server is None:
        return load(None, os.environ).config
    given = _serve_options(context, server.arguments)
    options = {
        "REGISTRY_HTTP_ADDR": given.get("addr"),
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": given.get("data"),
    }
    said = {name: str(value) for name, value in options.items() if value is not None}
    path = given.get("config")
    return load(server.folder / str(path) if path else None, {**server.environment, **said}).config


def _serve_options(context: typer.Context, arguments: Sequence[str]) -> Mapping[str, object]:
    """The arguments of the server, as the command `serve` of this program reads them."""
    program = context.find_root().command
    assert isinstance(program, TyperGroup), "this program has subcommands"
    serve = program.commands["serve"]
    return serve.make_context("serve", list(arguments), resilient_parsing=True).params


def _status(config: Config, seconds: float) -> int | None:
    """The status of the answer; None from a server that talks to holders of a certificate only.

    Where there is a debug address, its health page is asked: it knows more. Raises OSError.
    """
    http = config.http
    if http.debug.addr:
        with closing(_connected(http.debug.addr, "tcp", seconds)) as connection:
            return _asked(connection, "/debug/health")
    with closing(_connected(http.addr, http.net, seconds)) as connection:
        if not http.tls.certificate:
            return _asked(connection, f"{http.prefix.rstrip('/')}/v2/")
        if http.tls.clientcas:
            return None
        with _trusting_itself().wrap_socket(connection) as encrypted:
            return _asked(encrypted, f"{http.prefix.rstrip('/')}/v2/")


def _connected(address: str, network: str, seconds: float) -> socket.socket:
    if network == "unix":
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(seconds)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    host, port = parse_address(address)
    return socket.create_connection((_LOOPBACK if host in _ANYWHERE else host, port), seconds)


def _trusting_itself() -> ssl.SSLContext:
    """The name in the certificate is the public one, which may not lead here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _asked(connection: socket.socket, path: str) -> int:
    """The status of the answer to a GET. Raises OSError."""
    headers = f"Host: localhost\r\nUser-Agent: {_USER_AGENT}\r\nConnection: close\r\n"
    connection.sendall(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
    return _status_of(_first_line(connection))


def _first_line(connection: socket.socket) -> bytes:
    line = b""
    while b"\r\n" not in line and len(line) < _LINE_BYTES_MAX:
        piece = connection.recv(_LINE_BYTES_MAX)
        if not piece:
            break
        line += piece
    return line


def _status_of(line: bytes) -> int:
    words = line.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise OSError(0, "something else than a registry answers there")
    return int(words[1])

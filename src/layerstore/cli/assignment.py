"""What the parent of `layerstore serve` tells a worker, and what it hears back.

Both processes read this file; it knows neither the server nor the application.
"""

from pathlib import Path
from typing import Final

import msgspec

from layerstore.telemetry.logs import LogSettings

READY: Final = b"r"
"""What a worker says on its control socket once it accepts connections."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Certificate chain, key, and the authorities of client certificates: files in PEM."""

    certificate: Path
    key: Path
    minimum: str = "tls1.2"
    client_authorities: Path | None = None
    client_required: bool = False


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's task. Descriptors are inherited, and keep their numbers.

    `configuration` and `page` are files in the parent's private folder; `slot` is the worker's in
    the page; a drain takes at most `drain_s` seconds.
    """

    configuration: Path
    page: Path
    listeners: tuple[int, ...]
    drain_s: float
    log: LogSettings
    tls: Tls | None = None
    http2: bool = False
    slot: int = 0
    control: int = -1


def encoded(assignment: Assignment) -> str:
    """The one argument of a worker's process."""
    return msgspec.json.encode(assignment, enc_hook=str).decode()


def decoded(argument: str) -> Assignment:
    """What `encoded` made."""
    return msgspec.json.decode(argument, type=Assignment, dec_hook=_path)


def _path(kind: type, text: str) -> Path:
    assert kind is Path, kind
    return Path(text)

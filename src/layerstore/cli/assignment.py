"""What all workers of `layerstore serve` are told. Knows neither the server nor the application."""

from pathlib import Path

import msgspec

from layerstore.telemetry.logs import LogSettings


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """Certificate chain, key, and the authorities of client certificates: files in PEM."""

    certificate: Path
    key: Path
    minimum: str = "tls1.2"
    client_authorities: Path | None = None
    client_required: bool = False


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """The task of all workers. Descriptors are inherited, and keep their numbers.

    `configuration` and `page` are files in the parent's private folder; a drain takes at most
    `drain_s` seconds.
    """

    configuration: Path
    page: Path
    listeners: tuple[int, ...]
    drain_s: float
    log: LogSettings
    tls: Tls | None = None
    http2: bool = False


def encoded(assignment: Assignment) -> str:
    """An argument of a worker's process."""
    return msgspec.json.encode(assignment, enc_hook=str).decode()


def decoded(argument: str) -> Assignment:
    """What `encoded` made."""
    return msgspec.json.decode(argument, type=Assignment, dec_hook=_path)


def _path(kind: type, text: str) -> Path:
    assert kind is Path, kind
    return Path(text)

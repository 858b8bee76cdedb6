"""What the command `serve` leaves to the process that keeps the workers, and what a renewal does.

Values only, as JSON in the private folder; whoever reads them knows no configuration.
"""

from pathlib import Path
from typing import Any

import msgspec

from layerstore.cli.assignment import Assignment
from layerstore.cli.signs import Signs


class Source(msgspec.Struct, frozen=True):
    """Where the configuration comes from; options stand above the file, as variables do."""

    path: str | None
    options: dict[str, str]


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """How to keep a server.

    `signs` are those of the files whose change asks for a renewal; `fields` stand in each log line;
    `is_watched` says that there is a health check or a debug address; `told` is printed once the
    server serves, and `warnings` are logged before.
    """

    source: Source
    workers: int
    assignment: Assignment
    fields: dict[str, str]
    signs: Signs
    is_watched: bool
    told: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def orders_file(folder: Path, number: int) -> Path:
    """Where in the private folder those of the first configuration (1) stand, or of a later one."""
    return folder / f"orders-{number}"


def encoded(orders: Orders) -> bytes:
    """The content of that file."""
    return msgspec.json.encode(orders, enc_hook=str)


def read_orders(file: Path) -> Orders:
    """What `encoded` made. Raises OSError."""
    return msgspec.json.decode(file.read_bytes(), type=Orders, dec_hook=_path)


def _path(kind: type[Any], text: str) -> Path:
    assert kind is Path, kind
    return Path(text)

"""What the command `serve` leaves to the process that keeps the workers, and what a renewal does.

Values only, as JSON in the private folder; whoever reads them knows no configuration. The keeper
rests in little memory, so this file imports nothing that is not there anyway.
"""

import json
from pathlib import Path
from typing import Final, NamedTuple

from layerstore.cli.signs import Signs
from layerstore.telemetry.logs import LogSettings

READY: Final = b"r"
"""What a worker says on its control socket once it accepts connections."""


class Source(NamedTuple):
    """Where the configuration comes from; options stand above the file, as variables do."""

    path: str | None
    options: dict[str, str]


class Plan(NamedTuple):
    """What one configuration comes to; another one has another plan.

    `configuration` is a file in the private folder; `assignment` is the text that each worker is
    told, and a drain takes it at most `drain_s` seconds; `signs` are those of the files whose
    change asks for a renewal.
    """

    configuration: str
    assignment: str
    drain_s: float
    log: LogSettings
    signs: Signs


class Orders(NamedTuple):
    """How to keep a server.

    `page` is a file to be made in the private folder; `listeners` are descriptors, which workers
    inherit with their numbers. `fields` stand in each log line; `is_watched` says that there is a
    health check or a debug address; `told` is printed once the server serves, and `warnings` are
    logged before.
    """

    source: Source
    workers: int
    page: str
    listeners: tuple[int, ...]
    fields: dict[str, str]
    is_watched: bool
    plan: Plan
    told: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def orders_file(folder: Path, number: int) -> Path:
    """Where in the private folder those of the first configuration (1) stand, or of a later one."""
    return folder / f"orders-{number}"


def encoded(orders: Orders) -> bytes:
    """The content of that file."""
    return json.dumps(orders).encode()


def read_orders(file: Path) -> Orders:
    """What `encoded` made. Raises OSError."""
    orders = Orders(*json.loads(file.read_bytes()))
    plan = Plan(*orders.plan)
    signs = {path: (at, size, when) for path, (at, size, when) in plan.signs.items()}
    return orders._replace(
        source=Source(*orders.source),
        listeners=tuple(orders.listeners),
        plan=plan._replace(log=LogSettings(*plan.log), signs=signs),
        told=tuple(orders.told),
        warnings=tuple(orders.warnings),
    )

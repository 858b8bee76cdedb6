"""What a scenario is: who takes part, what is done, which figures come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contestants import LAYERSTORE, NGINX, ORIGINAL, Running
from bench.stock import Stock

OURS_AND_ORIGINAL = (ORIGINAL, LAYERSTORE)
ALL_THREE = (ORIGINAL, LAYERSTORE, NGINX)


@dataclass(frozen=True)
class Figure:
    """A figure's name with its unit, whether more of it is better, and what was set as its goals.

    The goals are in the words of the ratio: how many times as good as `beside`, which is one of
    those measured in the same run.
    """

    name: str
    more_is_better: bool = True
    least: str = ""
    goal: str = ""
    beside: str = ORIGINAL


@dataclass(frozen=True)
class Yardstick:
    """Something that is no server and tells, in the same figures, what the machine can do.

    `measure` may use the folder that it is given, on the disk that the servers use, too.
    """

    name: str
    measure: Callable[[Path], tuple[float, ...]]


@dataclass(frozen=True)
class Scenario:
    """One row of the plan. `measure` answers one value for each of `figures`.

    With `writes` every turn has an empty folder of its own; without, all read the same stock. With
    `on_s3` it has an empty bucket instead. `turns_max` is for what takes minutes, `needs_bytes` is
    what it takes of the disk at its peak. A scenario that is `long` runs when it is asked for.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]
    measure: Callable[[Running, Stock], tuple[float, ...]]
    servers: tuple[str, ...] = OURS_AND_ORIGINAL
    yardstick: Yardstick | None = None
    writes: bool = False
    config: Mapping[str, Any] | None = None
    on_s3: bool = False
    long: bool = False
    turns_max: int | None = None
    needs_bytes: int = 0
    needs_large: bool = False
    needs_tags: bool = False
    needs_tls: bool = False
    needs_password: bool = False

    @property
    def contestants(self) -> tuple[str, ...]:
        """All that are measured, in the order of a turn."""
        return (self.yardstick.name, *self.servers) if self.yardstick else self.servers


@dataclass(frozen=True)
class Cost:
    """Processor seconds of a server from the moment this is made."""

    server: Running
    before: float

    @classmethod
    def of(cls, server: Running) -> Cost:
        return cls(server, server.processor_seconds())

    def seconds(self) -> float:
        return self.server.processor_seconds() - self.before

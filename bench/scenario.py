"""What a scenario is: who takes part, what is done, which figures come out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.contestants import LAYERSTORE, NGINX, ORIGINAL, Running
from bench.stock import Stock

OURS_AND_ORIGINAL = (ORIGINAL, LAYERSTORE)
ALL_THREE = (ORIGINAL, LAYERSTORE, NGINX)


@dataclass(frozen=True)
class Figure:
    """A figure's name with its unit, whether more of it is better, and what was set as its goals.

    The goals are in the words of the ratio: how many times as good as docker-registry.
    """

    name: str
    more_is_better: bool = True
    least: str = ""
    goal: str = ""


@dataclass(frozen=True)
class Scenario:
    """One row of the plan. `measure` answers one value for each of `figures`.

    With `writes` every turn has an empty folder of its own; without, all read the same stock. With
    `on_s3` it has an empty bucket instead.
    """

    name: str
    title: str
    figures: tuple[Figure, ...]
    measure: Callable[[Running, Stock], tuple[float, ...]]
    contestants: tuple[str, ...] = OURS_AND_ORIGINAL
    writes: bool = False
    config: Mapping[str, Any] | None = None
    on_s3: bool = False
    needs_large: bool = False
    needs_tags: bool = False
    needs_tls: bool = False
    needs_password: bool = False


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

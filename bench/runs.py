"""Runs scenarios: every contestant in turn, A B A B, each turn with a server that starts anew."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt

from bench.contestants import on_core, served
from bench.load import greet
from bench.scenario import Figure, Scenario
from bench.scenarios.small import PASSWORD, USER
from bench.stock import Stock, stocked
from tests.authority import CertificateAuthority
from tests.object_stores import s3_server
from tests.servers import overlay

BCRYPT_COST = 5
"""What `htpasswd -B` chooses."""

Values = Mapping[str, list[float]]


@dataclass(frozen=True)
class Outcome:
    """The values of one figure of a scenario, for each contestant, a value a turn."""

    scenario: Scenario
    figure: Figure
    values: Values


def run_all(scenarios: Sequence[Scenario], turns: int) -> list[Outcome]:
    """Measure; tells on standard output how far it is."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("TMPDIR")) as name:
        folder = Path(name)
        has_large = any(scenario.needs_large for scenario in scenarios)
        stock = stocked(folder, has_large, any(scenario.needs_tags for scenario in scenarios))
        return [
            outcome for scenario in scenarios for outcome in _run(scenario, stock, folder, turns)
        ]


def _run(scenario: Scenario, stock: Stock, folder: Path, turns: int) -> list[Outcome]:
    config = _config(scenario, folder)
    values: list[dict[str, list[float]]] = [
        {name: [] for name in scenario.contestants} for _ in scenario.figures
    ]
    for _ in range(turns):
        for contestant in scenario.contestants:
            measured = _turn(scenario, contestant, stock, folder, config)
            print(f"{scenario.name:16}{contestant:18}", *(f"{each:12.2f}" for each in measured))
            for held, value in zip(values, measured, strict=True):
                held[contestant].append(value)
    return [
        Outcome(scenario, figure, held)
        for figure, held in zip(scenario.figures, values, strict=True)
    ]


def _turn(
    scenario: Scenario, contestant: str, stock: Stock, folder: Path, config: Mapping[str, Any]
) -> tuple[float, ...]:
    root = folder / "written" if scenario.writes else stock.root
    try:
        with (
            _store(scenario, folder / "bucket") as where,
            served(contestant, root, {**config, **where}) as server,
            on_core(-1),
        ):
            greet(server, scenario.needs_tls)
            return scenario.measure(server, stock)
    finally:
        for left in ("written", "bucket"):
            shutil.rmtree(folder / left, ignore_errors=True)
        os.sync()


@contextmanager
def _store(scenario: Scenario, folder: Path) -> Iterator[Mapping[str, Any]]:
    """Where the turn stores, if not in a folder; the store runs beside the load."""
    if not scenario.on_s3:
        yield {}
        return
    folder.mkdir()
    with on_core(-1):
        starting = s3_server(folder)
        store = starting.__enter__()
    try:
        s3 = store.parameters(secure=False)
        yield {"storage": {"filesystem": None, "s3": s3, "redirect": {"disable": True}}}
    finally:
        starting.__exit__(None, None, None)


def _config(scenario: Scenario, folder: Path) -> Mapping[str, Any]:
    config: Mapping[str, Any] = scenario.config or {}
    if scenario.needs_tls:
        pair = CertificateAuthority(folder / "certificates").issue("server")
        tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
        config = overlay(config, {"http": {"tls": tls}})
    if scenario.needs_password:
        path = folder / "htpasswd"
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(BCRYPT_COST))
        path.write_text(f"{USER}:{hashed.decode()}\n")
        config = overlay(config, {"auth": {"htpasswd": {"realm": "bench", "path": str(path)}}})
    return config

"""Runs scenarios: every contestant in turn, A B A B, each turn with a server that starts anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from bench.contestants import on_core, served
from bench.load import LoadFailed, greet
from bench.measured import Outcome
from bench.scenario import Scenario
from bench.scenarios.small import PASSWORD, USER
from bench.stock import Stock, stocked
from tests.authority import CertificateAuthority
from tests.object_stores import s3_server
from tests.programs.tool import ToolFailed
from tests.servers import overlay

BCRYPT_COST = 5
"""What `htpasswd -B` chooses."""

REASON_LETTERS = 200

FAILURES = (
    LoadFailed,
    ToolFailed,
    HTTPException,
    OSError,
    RuntimeError,
    subprocess.SubprocessError,
    pytest.skip.Exception,
)
"""What one scenario can fail with, and the others go on: a server, a load, a missing program."""


@contextmanager
def bench_folder() -> Iterator[Path]:
    """The folder of a run, on a disk (TMPDIR says which), removed after it."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("TMPDIR")) as name:
        yield Path(name)


def run_all(scenarios: Sequence[Scenario], turns: int) -> tuple[list[Outcome], list[str]]:
    """Measure; tells on standard output how far it is. Answers what is missing, too, and why."""
    outcomes: list[Outcome] = []
    missing: list[str] = []
    with bench_folder() as folder:
        has_large = any(scenario.needs_large for scenario in scenarios)
        stock = stocked(folder, has_large, any(scenario.needs_tags for scenario in scenarios))
        for scenario in scenarios:
            try:
                outcomes += _run(scenario, stock, folder, turns)
            except FAILURES as failure:
                missing.append(because(scenario.name, failure))
    return outcomes, missing


def because(name: str, failure: BaseException) -> str:
    """One line about what was not measured, with the end of what was said."""
    reason = " ".join(f"{type(failure).__name__}: {failure}".split())
    print(f"{name} failed: {reason}", flush=True)
    return f"{name} ({reason[-REASON_LETTERS:]})"


def _run(scenario: Scenario, stock: Stock, folder: Path, turns: int) -> list[Outcome]:
    _need_room(scenario, folder)
    config = _config(scenario, folder)
    values: list[dict[str, list[float]]] = [
        {name: [] for name in scenario.contestants} for _ in scenario.figures
    ]
    for _ in range(min(turns, scenario.turns_max or turns)):
        for contestant in scenario.contestants:
            measured = _turn(scenario, contestant, stock, folder, config)
            told = " ".join(f"{each:12.2f}" for each in measured)
            print(f"{scenario.name:16}{contestant:18}{told}", flush=True)
            for held, value in zip(values, measured, strict=True):
                held[contestant].append(value)
    return [
        Outcome(scenario.name, scenario.title, figure, held)
        for figure, held in zip(scenario.figures, values, strict=True)
    ]


def _need_room(scenario: Scenario, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < scenario.needs_bytes:
        needed = f"needs {scenario.needs_bytes >> 30} GiB of free disk, has {free >> 30}"
        raise OSError(f"{needed}; bench/settings.py tells how to make it smaller")


def _turn(
    scenario: Scenario, contestant: str, stock: Stock, folder: Path, config: Mapping[str, Any]
) -> tuple[float, ...]:
    root = folder / "written" if scenario.writes else stock.root
    try:
        if scenario.yardstick and contestant == scenario.yardstick.name:
            (folder / "written").mkdir()
            return scenario.yardstick.measure(folder / "written")
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

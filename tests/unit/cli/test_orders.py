"""Orders on their way to the process that keeps the workers, and signals that come meanwhile."""

import subprocess
import sys
from pathlib import Path

from layerstore.cli.orders import Orders, Plan, Source, encoded, orders_file, read_orders
from layerstore.cli.signs import signs_of
from layerstore.telemetry.logs import LogSettings

HOLDING_BACK = """
import os, signal, sys
from layerstore.cli.signals import hold_back

hold_back()
for number in (signal.SIGTERM, signal.SIGHUP):
    os.kill(os.getpid(), number)
os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
"""
HEARING = """
import math
from layerstore.cli.signals import Signals

signals = Signals()
signals.wait([], math.inf)
print(signals.ends, signals.renewal)
"""


def test_orders_are_the_same_when_they_are_read(tmp_path: Path) -> None:
    file = orders_file(tmp_path, 3)
    (tmp_path / "key").write_text("secret")
    orders = Orders(
        source=Source("config.yml", {"REGISTRY_HTTP_ADDR": ":5000"}),
        workers=2,
        page=str(tmp_path / "page"),
        listeners=(3, 4),
        fields={"instance.id": "1"},
        is_watched=True,
        plan=Plan(
            configuration=str(tmp_path / "configuration-3"),
            assignment='{"a": 1}',
            drain_s=1.5,
            log=LogSettings("debug", "json", {"service": "registry"}, access=False),
            signs=signs_of([str(tmp_path / "key"), str(tmp_path / "missing")]),
        ),
        told=("It listens.",),
        warnings=("So it is.", "And so."),
    )
    file.write_bytes(encoded(orders))
    assert read_orders(file) == orders


def test_a_sign_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    missing = signs_of([str(path)])
    path.write_text("one")
    first = signs_of([str(path)])
    path.write_text("another")
    assert len({*missing.values(), *first.values(), *signs_of([str(path)]).values()}) == 3
    assert signs_of([str(path)]) == signs_of([str(path)])


def test_what_is_asked_for_while_a_process_becomes_another_program_is_heard() -> None:
    command = [sys.executable, "-c", HOLDING_BACK, HEARING]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.split() == ["1", "True"]

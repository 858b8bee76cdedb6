"""The runs that conformance is made of: version × storage driver × how much of the suite.

Each run meets a server of its own, started on a copy of one of the two files beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from tests.conformance.results import Report
from tests.conformance.suite import VERSIONS, Parts, run_suite
from tests.programs import need
from tests.servers import layerstore_server

HERE = Path(__file__).parent
FILES = {Parts.DEFAULT: HERE / "defaults.yml", Parts.EVERY: HERE / "open.yml"}
DRIVERS: dict[str, dict[str, Any]] = {
    "filesystem": {},
    "inmemory": {"filesystem": None, "inmemory": {}},
}
"""For each driver what is laid over a server's storage section; None removes a key."""


@dataclass(frozen=True)
class Run:
    version: str
    driver: str
    parts: Parts

    def __str__(self) -> str:
        return f"{self.version}, {self.parts.value}, {self.driver}"


RUNS = tuple(
    Run(version, driver, parts) for version, parts, driver in product(VERSIONS, Parts, DRIVERS)
)
"""All of them, those of one version and one choice of parts beside each other."""


def conduct(run: Run, folder: Path) -> Report:
    """Start a server for the run, let the suite loose on it, read what it found.

    `folder` is an existing empty folder: the server's files and the suite's full report stay there.
    """
    found = folder / "report"
    found.mkdir()
    with layerstore_server(folder / "storage", config=configuration(run)) as server:
        return run_suite(need("conformance"), server.host, found, run.version, run.parts)


def configuration(run: Run) -> dict[str, Any]:
    """What the run's file says, without where it listens and keeps its data, and with its driver.

    Those two are the test server's to choose.
    """
    written: dict[str, Any] = yaml.safe_load(FILES[run.parts].read_bytes())
    del written["http"]["addr"], written["storage"]["filesystem"]
    written["storage"] |= DRIVERS[run.driver]
    return written

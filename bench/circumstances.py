"""When, how often, on which machine and with which versions something was measured: one line."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from layerstore import __version__
from tests.programs.catalogue import named
from tests.programs.finding import version

PROGRAMS = ("docker-registry", "nginx", "wrk", "openssl", "dockerd")


def circumstances(turns: int, load_before: float) -> str:
    """Told at the end of a run; `load_before` is the load average when it began."""
    programs = ", ".join(version(named(name)) for name in PROGRAMS)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, turns of each: {turns}; {_processor()}, "
        f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}; "
        f"Layerstore {__version__}, {programs}. "
        f"Load average before the run {load_before:.1f}, at its end {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""Real client programs against a running server: what they share, and which versions ran."""

from __future__ import annotations

import pytest

from tests.clients.fixtures import (
    contents,
    docker,
    home,
    installed_versions,
    log_of_server,
    server,
)

__all__ = ["contents", "docker", "home", "log_of_server", "server"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("client programs")
    for line in installed_versions():
        terminalreporter.write_line(line)

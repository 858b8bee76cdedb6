"""A program with the options and the environment that all its calls in a test share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CALL_SECONDS = 120.0


class ToolFailed(AssertionError):
    """A program ended otherwise than the test expects; the message holds what it printed."""


@dataclass(frozen=True)
class Tool:
    """`options` go before the arguments of every call, `environment` over the test's own.

    Calls run in `folder`, or in the folder of the test run.
    """

    path: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None

    def run(self, *arguments: str | Path, seconds: float = CALL_SECONDS) -> str:
        """What the program prints to its standard output. Raises ToolFailed unless it succeeds."""
        done = self._call(arguments, seconds)
        if done.returncode:
            raise ToolFailed(f"{_told(done)}\nended with {done.returncode}")
        return done.stdout

    def refuse(self, *arguments: str | Path, seconds: float = CALL_SECONDS) -> str:
        """All that a person sees when the call fails. Raises ToolFailed when it succeeds."""
        done = self._call(arguments, seconds)
        if not done.returncode:
            raise ToolFailed(f"{_told(done)}\nsucceeded, and should not")
        return done.stdout + done.stderr

    def _call(
        self, arguments: tuple[str | Path, ...], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        command = [str(self.path), *self.options, *map(str, arguments)]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                cwd=self.folder,
                env={**os.environ, **self.environment},
            )
        except subprocess.TimeoutExpired as late:
            raise ToolFailed(f"{' '.join(command)}: not done in {seconds:.0f} s") from late


def _told(done: subprocess.CompletedProcess[str]) -> str:
    return f"{' '.join(done.args)}\n{done.stdout}{done.stderr}".rstrip()

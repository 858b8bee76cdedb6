"""The server that runs beside a command, as its process tells: how it was called, and with what.

In a container nobody says to a health check which configuration the server was started with.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROCESSES: Final = Path("/proc")
_NAMES: Final = frozenset({"layerstore", "registry"})
_COMMAND: Final = "serve"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """`arguments` are those after `serve`; a relative path among them starts at `folder`."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


def running_server(processes: Path = _PROCESSES) -> RunningServer | None:
    """The server that has been running longest; None where there is none that may be looked at."""
    for process in _by_number(processes):
        arguments = _arguments(process)
        if arguments is None:
            continue
        try:
            return RunningServer(arguments, _environment(process), (process / "cwd").readlink())
        except OSError:
            continue
    return None


def _by_number(processes: Path) -> Iterator[Path]:
    numbers = sorted(int(entry.name) for entry in processes.iterdir() if entry.name.isdecimal())
    return (processes / str(number) for number in numbers)


def _arguments(process: Path) -> tuple[str, ...] | None:
    try:
        words = [os.fsdecode(word) for word in _words(process / "cmdline")]
    except OSError:
        return None
    for place in range(1, len(words)):
        if words[place] == _COMMAND and Path(words[place - 1]).name in _NAMES:
            return tuple(words[place + 1 :])
    return None


def _environment(process: Path) -> dict[str, str]:
    pairs = (os.fsdecode(word).partition("=") for word in _words(process / "environ"))
    return {name: value for name, _, value in pairs}


def _words(path: Path) -> list[bytes]:
    return path.read_bytes().rstrip(b"\0").split(b"\0")

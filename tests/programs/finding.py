"""Finding a program, and what a test does when it is not there. Installs nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

from tests.programs.catalogue import (
    GoModule,
    NpmPackage,
    Program,
    built_path,
    named,
    npm_path,
)

NEED_VARIABLE = "LAYERSTORE_NEED_PROGRAMS"
VERSION_SECONDS = 30
SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Daemons live here, and the PATH of a user who is not root often lacks these."""


def find(name: str) -> Path | None:
    """The executable of a program in the catalogue, or None where it is not installed."""
    program = named(name)
    if program.place is not None:
        return _executable(Path(program.place))
    if isinstance(program.origin, GoModule):
        built = _executable(built_path(name, program.origin))
        if built is not None:
            return built
    if isinstance(program.origin, NpmPackage):
        return _executable(npm_path(name, program.origin))
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")
    return Path(found) if found else None


def need(name: str) -> Path:
    """The executable, for a test that cannot do without it.

    A missing program skips the test and says how to get it; with LAYERSTORE_NEED_PROGRAMS=1 in
    the environment it fails the test instead.
    """
    found = find(name)
    return found if found is not None else _do_without(named(name))


def programs_are_required() -> bool:
    return os.environ.get(NEED_VARIABLE, "") not in ("", "0")


def version(program: Program) -> str:
    """The first line in which the program tells its version; empty where it is missing."""
    found = find(program.name)
    if found is None:
        return ""
    if isinstance(program.origin, GoModule) and not program.tells_version:
        return program.origin.version
    told = subprocess.run(
        [found, *program.tells_version],
        capture_output=True,
        text=True,
        timeout=VERSION_SECONDS,
        check=False,
    )
    return _telling_line(told.stdout + told.stderr)


def _executable(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) and path.is_file() else None


def _telling_line(output: str) -> str:
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    with_digits = [line for line in lines if any(letter.isdigit() for letter in line)]
    return next(iter(with_digits + lines), "")


def _do_without(program: Program) -> NoReturn:
    import pytest

    message = f"{program.name} is not installed; {program.hint}"
    if programs_are_required():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)

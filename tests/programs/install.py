"""Getting the programs that are missing: Debian's in one apt call, Go's and npm's one by one.

Nothing here starts a service, and nothing is fetched other than by apt-get, go and npm.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.programs.catalogue import (
    DebianPackage,
    GoModule,
    NpmPackage,
    Program,
    built_path,
    cache_folder,
    npm_folder,
)
from tests.programs.finding import find

APT_SECONDS = 900
APT_LOCK_SECONDS = 300
GO_SECONDS = 900
NPM_SECONDS = 900
POLICY_FILE = Path("/usr/sbin/policy-rc.d")
START_NOTHING = b"#!/bin/sh\nexit 101\n"
"""What invoke-rc.d asks before it starts a service; 101 is its word for: forbidden."""


def install(programs: Iterable[Program]) -> list[Program]:
    """Install what is missing of `programs`; answer with what is missing afterwards."""
    wanted = list(programs)
    with _one_installer_at_a_time():
        _install_debian(_missing(wanted))
        _install_go(_missing(wanted))
        _install_npm(_missing(wanted))
    return _missing(wanted)


def _missing(programs: Iterable[Program]) -> list[Program]:
    return [program for program in programs if find(program.name) is None]


def _install_debian(missing: list[Program]) -> None:
    origins = [program.origin for program in missing]
    packages = sorted({origin.name for origin in origins if isinstance(origin, DebianPackage)})
    if not packages:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        _say(f"cannot install {' '.join(packages)}: that takes root on Debian")
        return
    with _timed(f"Debian packages {' '.join(packages)}"), services_stay_stopped():
        _run(_apt("update", "-qq"), APT_SECONDS)
        _run(_apt("install", "-qq", "--yes", "--no-install-recommends", *packages), APT_SECONDS)


def _apt(*arguments: str) -> list[str]:
    return ["apt-get", "-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}", *arguments]


@contextmanager
def services_stay_stopped() -> Iterator[None]:
    """Forbid package scripts to start services, and put the machine's own rule back after."""
    before = POLICY_FILE.read_bytes() if POLICY_FILE.exists() else None
    POLICY_FILE.write_bytes(START_NOTHING)
    POLICY_FILE.chmod(0o755)
    try:
        yield
    finally:
        if before is None:
            POLICY_FILE.unlink(missing_ok=True)
        else:
            POLICY_FILE.write_bytes(before)


def _install_go(missing: list[Program]) -> None:
    modules = [(one.name, one.origin) for one in missing if isinstance(one.origin, GoModule)]
    if not modules:
        return
    go = shutil.which("go", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/go/bin")
    if go is None:
        _say(f"cannot build {' '.join(name for name, _ in modules)}: that takes Go")
        return
    for name, module in modules:
        with _timed(f"{name} {module.version}"):
            _build(go, name, module)


def _build(go: str, name: str, module: GoModule) -> None:
    target = built_path(name, module)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        settings = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
        done = _run([go, "install", f"{module.path}@{module.version}"], GO_SECONDS, settings)
        if done:
            (Path(folder) / Path(module.path).name).replace(target)


def _install_npm(missing: list[Program]) -> None:
    packages = [one.origin for one in missing if isinstance(one.origin, NpmPackage)]
    npm = shutil.which("npm")
    if packages and npm is None:
        _say(f"cannot install {' '.join(one.name for one in packages)}: that takes npm")
        return
    for package in packages:
        with _timed(f"{package.name} {package.version}"):
            _fetch(str(npm), package)


def _fetch(npm: str, package: NpmPackage) -> None:
    """Install scripts do not run: none is needed, and they would fetch what nobody asked for."""
    target = npm_folder(package)
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        quiet = ("--no-fund", "--no-audit", "--ignore-scripts", "--omit=dev")
        wanted = f"{package.name}@{package.version}"
        if _run([npm, "install", "--prefix", folder, *quiet, wanted], NPM_SECONDS):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target, symlinks=True)


def _run(command: list[str], seconds: int, settings: dict[str, str] | None = None) -> bool:
    environment = {**(settings or os.environ), "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, check=False, env=environment
    )
    if done.returncode:
        _say(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr).strip()}")
    return done.returncode == 0


@contextmanager
def _one_installer_at_a_time() -> Iterator[None]:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _timed(what: str) -> Iterator[None]:
    _say(f"{what} …")
    begin = time.monotonic()
    yield
    _say(f"{what}: {time.monotonic() - begin:.0f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

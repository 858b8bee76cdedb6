"""What the image takes of Python: Layerstore's wheel, and the libraries of this environment.

The libraries are the files that pip installed at the pinned versions; each has to have the digest
that its wheel says. Nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, PackagePath, distribution
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.requirements import Requirement

_OF_THE_INSTALLER: Final = frozenset({"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"})

_SERVICES: Final = PurePosixPath("botocore/data")
_SERVICES_USED: Final = frozenset({"s3", "signin", "sso", "sso-oidc", "sts"})
"""Of Amazon's services, each of which has a folder: the storage, and those that say who asks."""


class LibraryUnusable(Exception):
    """A library is missing in this environment, or not as it came; the text says what to do."""


def build_wheel(project: Path, folder: Path, epoch: int) -> Path:
    """Layerstore's own wheel, made in `folder`. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=project,
        env={"SOURCE_DATE_EPOCH": str(epoch), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    return next(folder.glob("*.whl"))


def unpack(wheel: Path, target: Path) -> Distribution:
    """Put a pure wheel's files below `target`."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return Distribution.at(next(target.glob(f"{wheel.name.partition('-')[0]}-*.dist-info")))


def write_commands(package: Distribution, folder: Path, python: str) -> None:
    """The executables that a package promises, each for that interpreter."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in package.entry_points.select(group="console_scripts"):
        lines = (
            f"#!{python} -I",
            "import sys",
            f"from {entry.module} import {entry.attr}",
            f"sys.exit({entry.attr}())",
        )
        script = folder / entry.name
        script.write_text("".join(f"{line}\n" for line in lines))
        script.chmod(0o755)


def needed(package: Distribution) -> list[Distribution]:
    """All libraries that a package needs at run time, and those that these need."""
    found: dict[str, Distribution] = {}
    asked = list(_requirements(package))
    while asked:
        name = asked.pop()
        if name in found:
            continue
        found[name] = _installed(name)
        asked += _requirements(found[name])
    return [found[name] for name in sorted(found)]


def _requirements(package: Distribution) -> Iterable[str]:
    for text in package.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name.lower().replace("_", "-")


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError as error:
        raise LibraryUnusable(f"{name} is not installed here: make setup") from error


def copy(library: Distribution, target: Path) -> None:
    """Put the library's files below `target`. Raises LibraryUnusable when one was changed."""
    for file in library.files or []:
        if _is_wanted(file):
            _check(file)
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), place)


def _is_wanted(file: PackagePath) -> bool:
    path = PurePosixPath(file)
    return (
        ".." not in path.parts
        and "__pycache__" not in path.parts
        and path.name not in _OF_THE_INSTALLER
        and not _describes_unused_service(path)
    )


def _describes_unused_service(path: PurePosixPath) -> bool:
    if not path.is_relative_to(_SERVICES):
        return False
    service, *below = path.relative_to(_SERVICES).parts
    return bool(below) and service not in _SERVICES_USED


def _check(file: PackagePath) -> None:
    said = file.hash
    content = Path(str(file.locate())).read_bytes()
    if said is not None and said.value != _url_safe(hashlib.new(said.mode, content).digest()):
        raise LibraryUnusable(f"{file} is not as its wheel brought it: make clean setup")


def _url_safe(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

"""What the image takes of Debian: the files of packages that this machine has installed.

Only what a package brought is taken, and only as it brought it: each file has to have the checksum
that the package says. Settings of the machine (below /etc) and what scripts made stay out.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOT_NEEDED: Final = frozenset(
    {"debconf", "dpkg", "gawk", "mailcap", "mawk", "openssl", "original-awk", "perl-base"}
)
"""Packages that others depend on for their installation, or for more than Layerstore uses."""

_LEFT_OUT: Final = (
    "etc/",
    "usr/lib/python3/",
    "usr/share/bash-completion/",
    "usr/share/doc-base/",
    "usr/share/initramfs-tools/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/pixmaps/",
    "usr/share/applications/",
    "var/",
)
_DOCUMENTATION: Final = "usr/share/doc/"
_LICENCE: Final = "/copyright"
_SETTINGS: Final = "/sitecustomize.py"
"""A link of Debian's Python to a file below /etc."""

_MERGED: Final = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
"""Folders of the root that are links into /usr since Debian 12."""

_ARCHITECTURES: Final = {"armhf": "arm", "i386": "386", "ppc64el": "ppc64le"}
_FORMAT: Final = (
    r"${Package}\t${binary:Package}\t${db:Status-Status}\t${Pre-Depends}, ${Depends}\t${Provides}\n"
)


class PackageUnusable(Exception):
    """A package is not installed, or not as it came; the text says what to do."""


@dataclass(frozen=True)
class Package:
    """An installed package. `name` is what dpkg knows it by, `needs` what it depends on."""

    name: str
    plain_name: str
    needs: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def architecture() -> str:
    """This machine's, in the words of OCI."""
    debian = _told("dpkg", "--print-architecture").strip()
    return _ARCHITECTURES.get(debian, debian)


def packages(roots: Iterable[str]) -> list[Package]:
    """The named packages with all that they need. Raises PackageUnusable for a missing one."""
    installed = _installed()
    found: dict[str, Package] = {}
    asked: list[tuple[str, ...]] = [(root,) for root in roots]
    while asked:
        package = _first_installed(asked.pop(), installed)
        if package.plain_name in found or package.plain_name in NOT_NEEDED:
            continue
        found[package.plain_name] = package
        asked += package.needs
    return [found[name] for name in sorted(found)]


def _installed() -> Mapping[str, Package]:
    """By name, and by what they provide."""
    rows = [line.split("\t") for line in _told("dpkg-query", "-W", "-f", _FORMAT).splitlines()]
    known = [
        Package(name, plain, _alternatives(needs), tuple(_names(provides, ",")))
        for plain, name, status, needs, provides in rows
        if status == "installed"
    ]
    virtual = {name: package for package in known for name in package.provides}
    return {**virtual, **{package.plain_name: package for package in known}}


def _alternatives(needs: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_names(one, "|")) for one in needs.split(",") if one.strip())


def _names(text: str, separator: str) -> Iterator[str]:
    """Without versions and architectures: `libc6 (>= 2.36)`, `python3:any`."""
    return (one.split()[0].partition(":")[0] for one in text.split(separator) if one.strip())


def _first_installed(names: tuple[str, ...], installed: Mapping[str, Package]) -> Package:
    for name in names:
        if name in installed:
            return installed[name]
    raise PackageUnusable(f"{names[0]} is not installed: apt-get install {names[0]}")


def copy(package: Package, root: Path) -> None:
    """Put the package's files below `root`, and its entry where scanners of images look for it.

    Raises PackageUnusable when a file is not what the package brought.
    """
    sums = _checksums(package)
    for source in _paths(package):
        place = merged(source)
        if _is_wanted(place):
            _copy_one(Path("/", source), root / place, sums.get(source), package)
    entry = root / "var/lib/dpkg/status.d" / package.plain_name
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(_told("dpkg-query", "--status", package.name))


def merged(path: str) -> str:
    """A path without its leading slash, through the links of a merged /usr."""
    first, slash, rest = path.partition("/")
    return f"usr/{first}{slash}{rest}" if first in _MERGED else path


def link_merged_folders(root: Path) -> None:
    """The links of a merged /usr, as far as they lead somewhere."""
    for name in _MERGED:
        if (root / "usr" / name).is_dir():
            (root / name).symlink_to(f"usr/{name}")


def _paths(package: Package) -> list[str]:
    lines = _told("dpkg-query", "--listfiles", package.name).splitlines()
    return sorted(line.removeprefix("/") for line in lines if line.startswith("/"))


def _checksums(package: Package) -> dict[str, str]:
    path = _told("dpkg-query", "--control-path", package.name, "md5sums").strip()
    if not path:
        return {}
    lines = Path(path).read_text().splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _is_wanted(place: str) -> bool:
    if place.startswith(_DOCUMENTATION):
        return place.endswith(_LICENCE)
    is_link_of_root = place.removeprefix("usr/") in _MERGED
    return not (is_link_of_root or place.startswith(_LEFT_OUT) or place.endswith(_SETTINGS))


def _copy_one(source: Path, target: Path, checksum: str | None, package: Package) -> None:
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
    elif source.is_file():
        if checksum != hashlib.md5(source.read_bytes(), usedforsecurity=False).hexdigest():
            reinstall = f"apt-get install --reinstall {package.name}"
            raise PackageUnusable(f"{source} is not as {package.name} brought it: {reinstall}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    elif source.is_dir():
        return  # made with what is in it
    else:
        reinstall = f"apt-get install --reinstall {package.name}"
        raise PackageUnusable(f"{source} of {package.name} is gone: {reinstall}")


def _told(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageUnusable(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout

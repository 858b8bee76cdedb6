"""Every outside program that a test may ask for, each with its origin and its version.

Only data and the paths that follow from it: looking for a program is `finding.py`, getting one is
`install.py`. This package runs before the virtual environment exists: the standard library only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DebianPackage:
    """A package of the Debian release that the machine runs; apt chooses its version."""

    name: str

    @property
    def hint(self) -> str:
        return f"on Debian: apt-get install --no-install-recommends {self.name}"


@dataclass(frozen=True)
class GoModule:
    """A main package inside a Go module, at an exact version."""

    path: str
    version: str

    @property
    def hint(self) -> str:
        return f"with Go: go install {self.path}@{self.version}"


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, at an exact version; Node runs it."""

    name: str
    version: str

    @property
    def hint(self) -> str:
        return f"with Node: npm install {self.name}@{self.version}"


@dataclass(frozen=True)
class Program:
    """One executable: its name, where it comes from, and how it tells its version.

    One that has no way to tell it (`tells_version` is empty) is as old as its origin says.
    `place` is the only path that counts when it is given: the Docker client and daemon of Debian
    have to be used as the pair that they are, whatever other client comes first on the PATH.
    """

    name: str
    origin: DebianPackage | GoModule | NpmPackage
    tells_version: tuple[str, ...] = ("--version",)
    place: str | None = None

    @property
    def hint(self) -> str:
        return self.origin.hint


PROGRAMS: tuple[Program, ...] = (
    Program("docker", DebianPackage("docker.io"), place="/usr/bin/docker"),
    Program("dockerd", DebianPackage("docker.io"), place="/usr/sbin/dockerd"),
    Program("containerd", DebianPackage("containerd")),
    Program("ctr", DebianPackage("containerd")),
    Program("podman", DebianPackage("podman")),
    Program("buildah", DebianPackage("buildah")),
    Program("skopeo", DebianPackage("skopeo")),
    Program("docker-registry", DebianPackage("docker-registry")),
    Program(
        "distribution",
        GoModule("github.com/distribution/distribution/v3/cmd/registry", "v3.1.1"),
    ),
    Program("wrk", DebianPackage("wrk")),
    Program("nginx", DebianPackage("nginx"), tells_version=("-v",)),
    Program("openssl", DebianPackage("openssl"), tells_version=("version",)),
    Program("curl", DebianPackage("curl")),
    Program("busybox", DebianPackage("busybox"), tells_version=("--help",)),
    Program("python3", DebianPackage("python3"), place="/usr/bin/python3"),
    Program(
        "update-ca-certificates",
        DebianPackage("ca-certificates"),
        tells_version=("--help",),
    ),
    Program("strace", DebianPackage("strace")),
    Program("systemd-analyze", DebianPackage("systemd")),
    Program("systemd-sysusers", DebianPackage("systemd")),
    Program(
        "crane",
        GoModule("github.com/google/go-containerregistry/cmd/crane", "v0.22.1"),
        tells_version=("version",),
    ),
    Program("oras", GoModule("oras.land/oras/cmd/oras", "v1.3.6"), tells_version=("version",)),
    Program(
        "regctl",
        GoModule("github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
        tells_version=("version",),
    ),
    Program(
        "fake-gcs-server",
        GoModule("github.com/fsouza/fake-gcs-server", "v1.56.1"),
        tells_version=(),
    ),
    Program("azurite-blob", NpmPackage("azurite", "3.37.0")),
    Program("versitygw", GoModule("github.com/versity/versitygw/cmd/versitygw", "v1.8.0")),
    Program(
        "caddy",
        GoModule("github.com/caddyserver/caddy/v2/cmd/caddy", "v2.11.9"),
        tells_version=(),
    ),
    Program(
        "conformance",
        GoModule(
            "github.com/opencontainers/distribution-spec/conformance",
            "v0.0.0-20260831232431-97274622c111",
        ),
        tells_version=(),
    ),
)


def named(name: str) -> Program:
    """The program of that name. Raises KeyError for one that is not in the catalogue."""
    for program in PROGRAMS:
        if program.name == name:
            return program
    raise KeyError(f"no program named {name} in tests/programs/catalogue.py")


def cache_folder() -> Path:
    """Where programs from Go modules and npm packages are kept, one folder for each version."""
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(caches) / "layerstore" / "programs"


def built_path(name: str, module: GoModule) -> Path:
    """Where `install` puts the executable of a Go module."""
    return cache_folder() / f"{name}-{module.version}" / name


def npm_folder(package: NpmPackage) -> Path:
    """The folder into which `install` puts an npm package with all that it needs."""
    return cache_folder() / f"{package.name}-{package.version}"


def npm_path(name: str, package: NpmPackage) -> Path:
    """Where an npm package's executable of that name is then."""
    return npm_folder(package) / "node_modules" / ".bin" / name

"""Container daemons for tests: Docker's and containerd, each in folders of its own.

They need root. Nothing of them touches the network configuration of the machine.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes import running, short_folder
from tests.programs import need
from tests.programs.finding import programs_are_required
from tests.programs.tool import Tool, ToolFailed

LOOPBACK = "127.0.0.0/8"

CONTAINERD_SETTINGS = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{socket}"
"""


def need_root(what: str) -> None:
    """Skip the test for a user who is not root; fail it where every program is required."""
    if os.geteuid() == 0:
        return
    message = f"{what} needs root"
    if programs_are_required():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@contextmanager
def docker_daemon(
    folder: Path, driver: str = "vfs", instead: Mapping[str, Path] | None = None
) -> Iterator[Tool]:
    """A Docker daemon that keeps its data below `folder`; yields its command-line client.

    Where images are run, and not only pushed and pulled, the driver `overlay2` is fast. `instead`
    names what this daemon alone finds in the place of some files and folders of the machine.
    """
    daemon, client = need("dockerd"), need("docker")
    need_root("the Docker daemon")
    with short_folder("docker") as short:
        socket = short / "docker.sock"
        command: list[str | Path] = [
            *_with_other_files(instead or {}),
            daemon,
            f"--storage-driver={driver}",
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            f"--data-root={folder / 'data'}",
            f"--exec-root={short / 'exec'}",
            f"--pidfile={short / 'docker.pid'}",
            f"--host=unix://{socket}",
            f"--insecure-registry={LOOPBACK}",
        ]
        tool = Tool(
            client,
            options=("--host", f"unix://{socket}"),
            environment={"HOME": str(short), "DOCKER_CONFIG": str(short / "client")},
        )
        with running(command, log=folder / "dockerd.log", ready=lambda: _works(tool, "version")):
            yield tool
        unmount_below(short)


@contextmanager
def containerd_daemon(folder: Path) -> Iterator[Tool]:
    """A containerd that keeps its data below `folder`; yields its command-line client, ctr."""
    daemon, client = need("containerd"), need("ctr")
    need_root("containerd")
    with short_folder("containerd") as short:
        socket, settings = short / "containerd.sock", short / "config.toml"
        settings.write_text(
            CONTAINERD_SETTINGS.format(root=folder / "data", state=short / "state", socket=socket)
        )
        tool = Tool(client, options=("--address", str(socket), "--namespace", "tests"))
        command: list[str | Path] = [daemon, "--config", settings]
        with running(command, log=folder / "containerd.log", ready=lambda: _works(tool, "version")):
            yield tool


def _with_other_files(instead: Mapping[str, Path]) -> list[str | Path]:
    """The words before a command whose files are others than the machine's."""
    if not instead:
        return []
    mounts = [f"mount --bind {path} {place}" for place, path in instead.items()]
    return ["unshare", "--mount", "sh", "-c", f'{" && ".join(mounts)} && exec "$@"', "sh"]


def unmount_below(folder: Path) -> None:
    """What was run with containers leaves mounted: the network that they shared, a storage."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if Path(place).is_relative_to(folder):
            subprocess.run(["umount", "--lazy", place], check=True)


def _works(tool: Tool, command: str) -> bool:
    try:
        tool.run(command, seconds=10)
    except ToolFailed:
        return False
    return True

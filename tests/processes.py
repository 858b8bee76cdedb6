"""Real processes in tests: started, waited for, stopped by their number, their output kept.

Knows no program. Registry servers are `servers.py`, container daemons `daemons.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 16 * 1024

Process = subprocess.Popen[bytes]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Poll until `condition()` holds. Raises TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """A port of the loopback address on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether somebody listens on that port of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def accepts_at(path: Path) -> bool:
    """Whether somebody listens on that socket in the file system."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(str(path)) == 0


@contextmanager
def running(
    command: list[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Run `command` until the block ends; enter the block once `ready()` holds.

    Its output goes to the file `log`. Raises RuntimeError with the end of the log when the process
    ends before it is ready, or is not ready within START_SECONDS.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_ready(process, ready, log)
        yield process
    finally:
        stop(process)


def stop(process: Process, seconds: float = STOP_SECONDS) -> None:
    """Ask the process to end; kill it and the group that it leads when it does not in time."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def family(pid: int) -> list[int]:
    """The process and all its descendants that live now."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except FileNotFoundError:
        return []
    return [pid, *(member for child in found for member in family(child))]


def memory_bytes(pid: int) -> int:
    """The memory of a process and its descendants, shared pages counted once (PSS)."""
    return sum(_proportional_set_size(member) for member in family(pid))


def tail(log: Path, since: int = 0) -> str:
    """The end of a log file, at most LOG_TAIL_BYTES and nothing before the byte `since`."""
    with log.open("rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(since, size - LOG_TAIL_BYTES))
        return source.read().decode(errors="replace")


@contextmanager
def short_folder(name: str) -> Iterator[Path]:
    """A folder whose path leaves room for the 108 bytes that a socket's path may have."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    try:
        yield folder
    finally:
        _remove_folder(folder)


def _wait_ready(process: Process, ready: Callable[[], bool], log: Path) -> None:
    def is_settled() -> bool:
        return process.poll() is not None or ready()

    try:
        wait_until(is_settled, "ready", START_SECONDS)
    except TimeoutError as late:
        raise RuntimeError(f"{process.args!r} is not ready:\n{tail(log)}") from late
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended ({process.returncode}):\n{tail(log)}")


def _proportional_set_size(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _remove_folder(folder: Path) -> None:
    def is_gone() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    wait_until(is_gone, f"{folder} removed", seconds=10)


def open_files(place: Path) -> int:
    """How many descriptors of this process lead to a file, or to files below a folder."""
    own = Path("/proc/self/fd")
    links = [own / name for name in os.listdir(own)]  # noqa: PTH208  # entries vanish meanwhile
    found = [Path(os.path.realpath(link)) for link in links]
    return sum(1 for path in found if path.is_relative_to(place))

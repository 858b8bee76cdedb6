"""A worker that has no file descriptor left: 503, or a wait at the door, and back again."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.clients import Client, Refused
from tests.faults.images import Image
from tests.faults.remains import half_written, left_over
from tests.processes import family, wait_until
from tests.servers import Server, layerstore_server

OLD = Image("old/image", 400_000)
DESCRIPTORS = 256
CROWD = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with layerstore_server(tmp_path_factory.mktemp("descriptors") / "root", workers=1) as server:
        Client(server.host).push(OLD)
        yield server


def worker(server: Server) -> int:
    (pid,) = family(server.process.pid)[1:]
    return pid


@contextmanager
def only_spare(pid: int, spare: int) -> Iterator[None]:
    """The process can open so many files more than it has open."""
    numbers = [int(name) for name in os.listdir(f"/proc/{pid}/fd")]  # noqa: PTH208  # bare names
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    free = sorted(set(range(max(numbers) + spare + 2)) - set(numbers))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[spare], before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_what_cannot_be_opened_is_503_and_works_again_without_a_restart(server: Server) -> None:
    """The connection is there already; the request finds no descriptor for a file."""
    image = Image("no/descriptors", 400_000)
    with closing(http.client.HTTPConnection(server.host, timeout=30)) as connection:
        connection.request("GET", "/v2/")
        assert connection.getresponse().read() == b"{}"
        with only_spare(worker(server), 0):
            for asked in (image.begin, image.at_once, *(asked for asked, _ in OLD.pulls)):
                connection.request(asked.method, asked.target, asked.body)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 503, (asked, answer.status, body)
                assert b"UNAVAILABLE" in body
                assert answer.getheader("Retry-After")
    client = Client(server.host)
    client.pull(OLD)
    client.push(image)
    client.pull(image)
    assert half_written(server.root) == []
    assert left_over(server.root) == []


def restart_worker_with(server: Server, descriptors: int) -> None:
    """The next worker may have so many open at most."""
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors))
    before = worker(server)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: before not in family(server.process.pid), "the worker is gone")
    Client(server.host).push(OLD)  # waits for the next one


def test_more_connections_than_descriptors_wait_and_are_served_once_others_leave(
    tmp_path: Path,
) -> None:
    """The server takes no more of them than it can serve, and does not try in circles."""
    with layerstore_server(tmp_path / "root", workers=1) as server, ExitStack() as ends:
        restart_worker_with(server, DESCRIPTORS)
        host, _, port = server.host.partition(":")
        with ExitStack() as crowd:
            for _ in range(CROWD):
                crowd.enter_context(closing(socket.create_connection((host, int(port)))))
            patient = http.client.HTTPConnection(server.host, timeout=30)
            ends.enter_context(closing(patient))
            patient.request("GET", "/v2/")
            assert worker_takes_no_time(server)
        assert patient.getresponse().status == 200
        Client(server.host).pull(OLD)


def worker_takes_no_time(server: Server) -> bool:
    """Whether a second passes in which the worker hardly computes."""
    began, spent = os.times().elapsed, processor_seconds(worker(server))
    wait_until(lambda: os.times().elapsed > began + 1, "a second passes")
    return processor_seconds(worker(server)) - spent < 0.1


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_pushes_with_few_descriptors_are_refused_or_done(server: Server) -> None:
    """Whatever step it is that finds none: nothing is half done."""
    for spare in range(1, 9):
        image = Image(f"few{spare}/descriptors", 400_000)
        whatever = suppress(Refused, ConnectionError, http.client.HTTPException)
        with only_spare(worker(server), spare), whatever:
            Client(server.host, (503,)).push(image)
        assert half_written(server.root) == []
        assert left_over(server.root) == []
        Client(server.host).push(image)
        Client(server.host).pull(image)

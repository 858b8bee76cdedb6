"""The load: many small requests in turn on kept connections, and long transfers beside each other.

wrk is used where it can (`wrk`); it cannot measure HEAD, nor a new target for each request, and
that is what `ask_repeatedly` is for. Whoever waits here waits for the server: nginx, measured by
the same client, tells how much it can do.
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from statistics import median

from bench.contestants import Running
from tests.programs import need

ANSWER_SECONDS = 300.0
BUFFER_BYTES = 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_LATE = re.compile(r"99%\s+([0-9.]+)(us|ms|s)\b")
_IN_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


class LoadFailed(Exception):
    """The server did not answer as it should; no figure is worth anything then."""


@dataclass(frozen=True)
class Rate:
    """Requests per second, and the milliseconds within which 99 of 100 were answered."""

    per_second: float
    p99_ms: float


def wrk(server: Running, target: str, headers: Sequence[str], connections: int, s: float) -> Rate:
    """GET one target, again and again, for `s` seconds."""
    options = [part for header in headers for part in ("-H", header)]
    url = f"http://{server.host}:{server.port}{target}"
    times = [f"-d{max(s, 1):.0f}s", "--timeout", f"{ANSWER_SECONDS:.0f}s"]
    command = [str(need("wrk")), "--latency", "-t1", f"-c{connections}", *times, *options]
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    rate, late = _RATE.search(told), _LATE.search(told)
    if rate is None or late is None or "Non-2xx" in told or "Socket errors" in told:
        raise LoadFailed(told)
    return Rate(float(rate[1]), float(late[1]) * _IN_MS[late[2]])


class _Asker:
    """One connection that asks again as soon as it is answered."""

    def __init__(self, server: Running, request: Callable[[], bytes]) -> None:
        self.socket = socket.create_connection((server.host, server.port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._answer = bytearray()
        self.latencies: list[float] = []

    def ask(self) -> None:
        request = self._request()
        self._has_body = not request.startswith(b"HEAD ")
        self._answer.clear()
        self._asked = time.perf_counter()
        self.socket.sendall(request)

    def hear(self) -> None:
        """Take what has come, and ask again when that was all."""
        came = self.socket.recv(BUFFER_BYTES)
        if not came:
            raise LoadFailed("the server closed a connection")
        self._answer += came
        if self._is_whole():
            self.latencies.append(time.perf_counter() - self._asked)
            self.ask()

    def _is_whole(self) -> bool:
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return False
        if self._answer[9:10] != b"2":
            raise LoadFailed(bytes(self._answer[:200]).decode(errors="replace"))
        if not self._has_body:
            return True
        length = _LENGTH.search(self._answer, 0, end)
        if length is None:
            return self._answer.endswith(_LAST_CHUNK)
        return len(self._answer) >= end + 4 + int(length[1])


def ask_repeatedly(
    server: Running, request: Callable[[], bytes], connections: int, s: float
) -> Rate:
    """Send what `request` makes on every connection for `s` seconds, each after its answer."""
    askers = [_Asker(server, request) for _ in range(connections)]
    with selectors.DefaultSelector() as ready:
        for asker in askers:
            ready.register(asker.socket, selectors.EVENT_READ, asker)
            asker.ask()
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < s:
            for key, _ in ready.select(ANSWER_SECONDS):
                key.data.hear()
    for asker in askers:
        asker.socket.close()
    latencies = sorted(seconds for asker in askers for seconds in asker.latencies)
    return Rate(len(latencies) / elapsed, latencies[len(latencies) * 99 // 100] * 1000)


def answer_ms(server: Running, asked: bytes, s: float, answers_min: int) -> float:
    """The median milliseconds of an answer on one connection, asked again and again.

    It goes on for `s` seconds, and longer until there are `answers_min` answers.
    """
    asker = _Asker(server, lambda: asked)
    end = time.perf_counter() + s
    asker.ask()
    while len(asker.latencies) < answers_min or time.perf_counter() < end:
        asker.hear()
    asker.socket.close()
    return median(asker.latencies) * 1000


def request(server: Running, method: str, target: str, headers: Sequence[str] = ()) -> bytes:
    """The bytes of a request without a body."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {server.host}:{server.port}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def beside_each_other(transfer: Callable[[int], None], clients: int) -> float:
    """Seconds until `clients` transfers, begun together, have ended."""
    with ThreadPoolExecutor(clients) as threads:
        began = time.perf_counter()
        for done in [threads.submit(transfer, number) for number in range(clients)]:
            done.result()
        return time.perf_counter() - began


def connect(server: Running, is_tls: bool = False) -> HTTPConnection:
    """A connection; over TLS without asking who answers, which is no part of the measure."""
    if not is_tls:
        return HTTPConnection(server.host, server.port, timeout=ANSWER_SECONDS)
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(server.host, server.port, timeout=ANSWER_SECONDS, context=trusting)


def greet(server: Running, is_tls: bool) -> None:
    """Wait for a first answer: a port is open before the program behind it is ready."""
    connection = connect(server, is_tls)
    connection.request("GET", "/v2/")
    connection.getresponse().read()
    connection.close()


def pull(server: Running, target: str, size: int, is_tls: bool) -> None:
    """GET a body and count its bytes."""
    connection = connect(server, is_tls)
    connection.request("GET", target)
    response = expect(connection.getresponse(), 200)
    buffer = bytearray(BUFFER_BYTES)
    came = 0
    while count := response.readinto(buffer):
        came += count
    connection.close()
    if came != size:
        raise LoadFailed(f"{came} bytes of {size}")


def expect(response: HTTPResponse, status: int) -> HTTPResponse:
    if response.status != status:
        raise LoadFailed(f"{response.status} instead of {status}: {response.read(500)!r}")
    return response

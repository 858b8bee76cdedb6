"""`layerstore serve` as its operator sees it: start, signals, workers that die, and the end."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.processes import Process, accepts, family, free_port, memory_bytes, tail, wait_until
from tests.servers import Server, Settings, layerstore_server, settings

MIB = 1024 * 1024
BLOB = os.urandom(4 * MIB)
DIGEST = f"sha256:{hashlib.sha256(BLOB).hexdigest()}"
PROGRAM = Path(sys.executable).with_name("layerstore")
SOON_S = 10.0
AT_REST_BYTES = 41 * MIB
"""Twice what docker-registry 2.8.2 takes: the parent and one worker together."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with layerstore_server(root, workers=2) as server:
        wait_until(lambda: "Try:" in logged(server), "all workers have started")
        yield server


class Upload:
    """The upload of BLOB in one request, whose body can be sent in two halves."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.host, timeout=30)
        self._connection.putrequest("POST", f"/v2/a/b/blobs/uploads/?digest={DIGEST}")
        self._connection.putheader("Content-Length", str(len(BLOB)))
        self._connection.endheaders()

    def send_half(self) -> None:
        self._connection.send(BLOB[: len(BLOB) // 2])

    def send_rest(self) -> int:
        """The status that the answer has."""
        self._connection.send(BLOB[len(BLOB) // 2 :])
        return self._connection.getresponse().status

    def close(self) -> None:
        self._connection.close()


@contextmanager
def half_sent(server: Server, root: Path) -> Iterator[Upload]:
    """An upload of which half is sent, and some has reached the storage."""
    with closing(Upload(server)) as upload:
        upload.send_half()
        wait_until(lambda: bytes_below(root) >= MIB, "some of the blob is stored")
        yield upload


def bytes_below(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except FileNotFoundError:
        return 0


def ask(server: Server, path: str = "/v2/") -> int:
    """The status of one request on a connection of its own."""
    with closing(http.client.HTTPConnection(server.host, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def workers(server: Server) -> list[int]:
    """Those that are there for good: a process that reads a new configuration is none of them."""
    return [pid for pid in family(server.process.pid)[1:] if b"cli.worker" in command_of(pid)]


def command_of(pid: int) -> bytes:
    """Empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def port_of(server: Server) -> int:
    return int(server.host.rpartition(":")[2])


def ended(process: Process, seconds: float = SOON_S) -> int:
    """The exit status, which comes in time."""
    return process.wait(seconds)


def lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def logged(server: Server) -> str:
    return tail(server.log)


def run_serve(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`layerstore serve` that is expected to end by itself."""
    command = [PROGRAM, "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def configuration(tmp_path: Path, root: Path, port: int) -> Path:
    path = tmp_path / "registry.yml"
    path.write_text(yaml.safe_dump(settings(root, port)))
    return path


def test_the_start_says_where_it_listens_where_it_stores_and_what_to_try(
    server: Server, root: Path
) -> None:
    port = port_of(server)
    assert f"listens on http://127.0.0.1:{port} (2 workers)" in logged(server)
    assert f"stores in {root}" in logged(server)
    assert f"docker push localhost:{port}/" in logged(server)


def test_a_second_server_on_an_address_says_that_it_is_taken(
    server: Server, tmp_path: Path
) -> None:
    second = run_serve(configuration(tmp_path, tmp_path / "other", port_of(server)))
    assert second.returncode == 1
    assert second.stderr == (
        f"layerstore: the address {server.host} is taken: another program listens there\n"
    )
    assert ask(server) == 200


def test_an_address_that_is_none_is_refused_with_an_example(tmp_path: Path) -> None:
    refused = run_serve("--addr", "localhost", "--data", tmp_path)
    assert refused.returncode == 2
    assert "localhost:5000" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_storage_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run_serve("--addr", "127.0.0.1:0", "--data", tmp_path / "file" / "below")
    assert refused.returncode == 2
    assert str(tmp_path / "file") in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_with_nothing_to_do_ends_at_once_and_leaves_nothing(
    server: Server, number: signal.Signals
) -> None:
    members = workers(server)
    server.process.send_signal(number)
    assert ended(server.process) == 0
    assert not any(lives(pid) for pid in members)
    assert "Traceback" not in logged(server)


def test_an_idle_connection_does_not_hold_up_the_end(server: Server) -> None:
    with closing(http.client.HTTPConnection(server.host, timeout=30)) as connection:
        connection.request("GET", "/v2/")
        connection.getresponse().read()
        server.process.terminate()
        assert ended(server.process) == 0


def test_a_running_transfer_finishes_and_nothing_new_is_taken(server: Server, root: Path) -> None:
    with half_sent(server, root) as upload:
        server.process.terminate()
        wait_until(lambda: not accepts(port_of(server)), "the port is closed")
        assert server.process.poll() is None
        assert upload.send_rest() == 201
    assert ended(server.process) == 0
    assert "Traceback" not in logged(server)


def test_a_transfer_that_takes_longer_than_the_drain_is_cut(root: Path) -> None:
    short = {"http": {"draintimeout": "200ms"}}
    with layerstore_server(root, config=short, workers=1) as server:
        with half_sent(server, root):
            server.process.terminate()
            assert ended(server.process) == 0
        assert "are cut" in logged(server)
        assert "Traceback" not in logged(server)
        assert list(root.rglob("data")) == []


def test_a_reader_that_takes_nothing_is_cut_too(root: Path) -> None:
    short = {"http": {"draintimeout": "200ms"}}
    content = os.urandom(64 * MIB)
    with layerstore_server(root, config=short, workers=1) as server:
        digest = pushed(server, content)
        with closing(socket.create_connection(("127.0.0.1", port_of(server)))) as reader:
            request = f"GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: {server.host}\r\n\r\n"
            reader.sendall(request.encode())
            assert reader.recv(1000).startswith(b"HTTP/1.1 200 ")
            server.process.terminate()
            ended(server.process)


def pushed(server: Server, content: bytes) -> str:
    """Push a blob in one request; its digest."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with closing(http.client.HTTPConnection(server.host, timeout=60)) as connection:
        connection.request("POST", f"/v2/a/b/blobs/uploads/?digest={digest}", body=content)
        assert connection.getresponse().status == 201
    return digest


def test_a_second_signal_ends_at_once(server: Server, root: Path) -> None:
    with half_sent(server, root):
        members = workers(server)
        server.process.terminate()
        wait_until(lambda: not accepts(port_of(server)), "the port is closed")
        server.process.terminate()
        assert ended(server.process) == 1
    assert not any(lives(pid) for pid in members)
    assert "ending at once" in logged(server)


def test_a_worker_that_is_killed_is_replaced_however_often(server: Server) -> None:
    for _ in range(3):
        (first, *_) = workers(server)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in workers(server), "the worker is gone")  # noqa: B023  # now
        assert ask(server) == 200
    wait_until(lambda: len(workers(server)) == 2, "there are two workers again")
    assert "was ended by signal 9" in logged(server)  # one killed while it starts is not told of


def test_requests_wait_for_a_worker_when_all_were_killed_at_once(server: Server) -> None:
    before = workers(server)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(lives(pid) for pid in before), "the workers are gone")
    assert ask(server) == 200
    wait_until(lambda: len(workers(server)) == 2, "there are two workers again")


def test_workers_end_when_their_parent_is_killed_and_the_next_one_clears_up(
    server: Server, root: Path
) -> None:
    members = workers(server)
    (folder,) = private_folders(server)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    wait_until(lambda: not any(lives(pid) for pid in members), "the workers are gone")
    assert not accepts(port_of(server))
    assert folder.exists()
    with layerstore_server(root, workers=1):
        assert not folder.exists()


def test_a_new_configuration_is_taken_without_breaking_anything(server: Server, root: Path) -> None:
    before = set(workers(server))
    with half_sent(server, root) as upload:
        change(server, {"log": {"formatter": "json"}})
        server.process.send_signal(signal.SIGHUP)
        while "read anew" not in logged(server):
            assert ask(server) == 200
        assert upload.send_rest() == 201
    wait_until(lambda: before.isdisjoint(workers(server)), "the old workers are gone")
    since = server.log.stat().st_size
    assert ask(server, "/v2/after-the-change/tags/list") == 404
    wait_until(lambda: "after-the-change" in tail(server.log, since), "the request is logged")
    assert '{"level":"info","msg":"response completed' in tail(server.log, since)


def change(server: Server, over: dict[str, object]) -> None:
    """Change sections of the configuration file."""
    config = yaml.safe_load(server.configuration.read_text())
    server.configuration.write_text(yaml.safe_dump({**config, **over}))


def test_a_new_configuration_that_is_wrong_changes_nothing_and_says_why(server: Server) -> None:
    before = workers(server)
    server.configuration.write_text("version: 0.1\nhttp: [\n")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "stays as it was" in logged(server), "the refusal is logged")
    assert workers(server) == before
    assert ask(server) == 200


def test_what_only_a_restart_can_change_is_refused_by_name(server: Server, root: Path) -> None:
    before = workers(server)
    change(server, {"http": {"addr": f"127.0.0.1:{free_port()}", "workers": 2}})
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "http.addr" in logged(server), "the refusal is logged")
    assert workers(server) == before


def test_changes_that_come_fast_are_all_taken(server: Server) -> None:
    for _ in range(5):
        server.process.send_signal(signal.SIGHUP)
        assert ask(server) == 200
    wait_until(lambda: logged(server).count("read anew") >= 1, "the configuration is read")
    server.process.terminate()
    assert ended(server.process) == 0


def test_the_end_can_be_asked_for_before_the_start_is_over(tmp_path: Path, root: Path) -> None:
    path = configuration(tmp_path, root, free_port())
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", path], stdout=log, stderr=log)
    wait_until(lambda: len(family(process.pid)) > 1, "the first worker starts")
    process.terminate()
    assert ended(process) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_the_end_can_be_asked_for_before_anybody_listens_to_it(tmp_path: Path, root: Path) -> None:
    path = configuration(tmp_path, root, free_port())
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", path], stdout=log, stderr=log)
    wait_until(lambda: b"cli.keeper" in command_of(process.pid), "the command becomes the keeper")
    process.terminate()
    assert ended(process) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_server_at_rest_is_small(root: Path) -> None:
    with layerstore_server(root, workers=1) as server:
        assert ask(server) == 200
        (worker,) = workers(server)
        assert memory_bytes(server.process.pid) <= AT_REST_BYTES
        assert not loaded_libraries(server.process.pid) & {"_asyncio", "_ssl", "_granian", "_core"}
        assert {"_granian", "loop", "_core"} <= loaded_libraries(worker)
        assert not loaded_libraries(worker) & {"_rust", "_bcrypt", "_yaml"}


def loaded_libraries(pid: int) -> set[str]:
    """The parts of Python programs that are no Python, by the beginnings of their files' names."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    return set(re.findall(r"/([^/.]+)\.[^/]*(?:cpython|abi3)[^/]*\.so", maps))


def test_the_private_folder_goes_with_the_server(server: Server) -> None:
    (folder,) = private_folders(server)
    assert folder.stat().st_mode & 0o777 == 0o700
    server.process.terminate()
    ended(server.process)
    assert not folder.exists()


def private_folders(server: Server) -> set[Path]:
    """Folders of files that a worker has mapped and that the parent made."""
    maps = Path(f"/proc/{workers(server)[0]}/maps").read_text()
    pages = re.findall(r"(/\S*/layerstore-[^/\s]+)/page$", maps, re.MULTILINE)
    return {Path(page) for page in pages}


def test_a_large_upload_and_download_take_no_memory(root: Path) -> None:
    content = bytes(MIB)
    pieces = 200
    digest = f"sha256:{hashlib.sha256(content * pieces).hexdigest()}"
    with layerstore_server(root, workers=1) as server:
        pushed(server, os.urandom(8 * MIB))
        before = memory_bytes(server.process.pid)
        peak = before
        with closing(http.client.HTTPConnection(server.host, timeout=60)) as connection:
            connection.putrequest("POST", f"/v2/a/b/blobs/uploads/?digest={digest}")
            connection.putheader("Content-Length", str(len(content) * pieces))
            connection.endheaders()
            for index in range(pieces):
                connection.send(content)
                if index % 20 == 0:
                    peak = max(peak, memory_bytes(server.process.pid))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201
            connection.request("GET", f"/v2/a/b/blobs/{digest}")
            answer = connection.getresponse()
            while answer.read(20 * MIB):
                peak = max(peak, memory_bytes(server.process.pid))
        assert peak - before < 40 * MIB


def test_a_worker_that_was_stopped_hears_its_senders_before_it_gives_them_up(root: Path) -> None:
    limits: Settings = {"limits": {"progresstimeout": "1s", "ratewindow": "1s"}}
    with (
        layerstore_server(root, workers=1, config=limits) as server,
        half_sent(server, root) as upload,
        ThreadPoolExecutor(1) as beside,
    ):
        (worker,) = workers(server)
        for _ in range(20):
            assert ask(server) == 200  # when all is read, the worker waits for more
        os.kill(worker, signal.SIGSTOP)
        over = time.monotonic() + 2
        status = beside.submit(upload.send_rest)
        wait_until(lambda: time.monotonic() > over, "the limit is over")
        os.kill(worker, signal.SIGCONT)
        assert status.result() == 201

"""What each check looks at, with real files and sockets."""

import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from layerstore.debug.checks import Check, FileCheck, HttpCheck, StorageCheck, TcpCheck, Unwell
from layerstore.storage.driver import FileInfo, OutOfSpace, PathNotFound, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from tests.fakes import FakeClock
from tests.processes import free_port


class BrokenDriver(MemoryDriver):
    """Answers the one question of the check with an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeClock())
        self._error = error

    async def stat(self, path: str) -> FileInfo:
        raise self._error


async def reason(check: Check) -> str | None:
    try:
        await check.look()
    except Unwell as error:
        return str(error)
    return None


async def test_a_storage_that_answers_is_well_even_with_nothing_in_it() -> None:
    assert await reason(StorageCheck(MemoryDriver(FakeClock()))) is None
    assert await reason(StorageCheck(BrokenDriver(PathNotFound("x", "/")))) is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorageUnavailable("x", "/secret", "input/output error"), "input/output error"),
        (OutOfSpace("x", "/secret"), "no space left"),
    ],
)
async def test_a_storage_that_fails_tells_why_and_no_path(error: Exception, told: str) -> None:
    check = StorageCheck(BrokenDriver(error))
    assert check.name == "storagedriver_inmemory"
    assert await reason(check) == told


async def test_a_file_makes_unwell_by_being_there(tmp_path: Path) -> None:
    check = FileCheck(tmp_path / "down")
    assert await reason(check) is None
    check.path.touch()
    assert await reason(check) == "file exists"


async def test_an_address_has_to_accept_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert await reason(TcpCheck("127.0.0.1", port)) is None
    refused = TcpCheck("127.0.0.1", free_port())
    assert await reason(refused) == f"connection to {refused.name} failed"


async def test_a_url_has_to_answer_head_with_the_status_that_is_expected() -> None:
    class Teapot(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(418 if self.headers["x-tea"] == "yes" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Teapot) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        uri = f"http://127.0.0.1:{server.server_address[1]}/path?query"
        assert await reason(HttpCheck(uri)) is None
        assert await reason(HttpCheck(uri, 418, {"x-tea": "yes"})) is None
        assert "unexpected status: 200" in str(await reason(HttpCheck(uri, 204)))
        server.shutdown()
        thread.join()
    assert "error while checking" in str(await reason(HttpCheck(uri)))

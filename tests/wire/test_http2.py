"""HTTP/2 where it is switched on: real clients, bodies that break off, headers without end."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.authority import CertificateAuthority
from tests.clients.content import Content, Contents
from tests.clients.fixtures import contents, home
from tests.clients.layout import Layout
from tests.frames import Frames
from tests.processes import memory_bytes, wait_until
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, Settings, layerstore_server

__all__ = ["contents", "home"]

MEBIBYTE = 1024 * 1024
HEADERS_MAX = 64 * 1024


@dataclass(frozen=True)
class Encrypted:
    """A registry that speaks HTTP/2 over TLS."""

    server: Server
    authority: Path

    @property
    def host(self) -> str:
        return self.server.host.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("encrypted")
    authority = CertificateAuthority(folder / "authority")
    pair = authority.issue("server")
    tls = {"certificate": str(pair.certificate), "key": str(pair.key)}
    config: Settings = {"http": {"http2": {"enabled": True}, "tls": tls}}
    with layerstore_server(folder / "storage", config=config, workers=1) as server:
        yield Encrypted(server, authority.certificate)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that speaks it without TLS, to who begins with it."""
    config: Settings = {"http": {"http2": {"enabled": True}}}
    folder = tmp_path_factory.mktemp("plain")
    with layerstore_server(folder / "storage", config=config, workers=1) as server:
        yield server


@pytest.fixture
def content(contents: Contents) -> Content:
    return contents.small


@pytest.fixture
def curl(encrypted: Encrypted) -> Tool:
    options = ("--silent", "--show-error", "--http2", "--cacert", str(encrypted.authority))
    return Tool(need("curl"), options=options)


def spoken(curl: Tool, url: str, *options: str | Path) -> tuple[str, str]:
    """Version and status of an answer."""
    told = curl.run(*options, "--output", "-", "--write-out", "\n%{http_version} %{http_code}", url)
    version, status = told.rpartition("\n")[2].split()
    return version, status


def location(curl: Tool, host: str, path: str) -> str:
    """Where a new upload is."""
    told = curl.run("--request", "POST", "--include", f"https://{host}{path}")
    lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
    return f"https://{host}{lines['location'].strip()}"


def test_crane_pushes_and_pulls(encrypted: Encrypted, content: Content, home: Path) -> None:
    trusts = {"SSL_CERT_FILE": str(encrypted.authority), "SSL_CERT_DIR": "/nonexistent"}
    tool = Tool(
        need("crane"), environment={"HOME": str(home), "DOCKER_CONFIG": str(home), **trusts}
    )
    reference = f"{encrypted.host}/by/crane:1"
    tool.run("push", content.layout.folder, reference)
    tool.run("pull", "--format=oci", reference, home / "pulled")
    content.assert_same(Layout(home / "pulled"))
    asked = '"PUT /v2/by/crane/manifests/1 HTTP/2" 201'
    wait_until(lambda: asked in encrypted.server.log.read_text(), "the push was HTTP/2")


def test_curl_pushes_and_pulls_a_blob(encrypted: Encrypted, curl: Tool, tmp_path: Path) -> None:
    blob = os.urandom(8 * MEBIBYTE)
    (tmp_path / "blob").write_bytes(blob)
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    url = location(curl, encrypted.host, "/v2/by/curl/blobs/uploads/")
    assert spoken(curl, f"{url}&digest={digest}", "--upload-file", tmp_path / "blob") == (
        "2",
        "201",
    )
    target = f"https://{encrypted.host}/v2/by/curl/blobs/{digest}"
    curl.run("--output", tmp_path / "pulled", target)
    assert (tmp_path / "pulled").read_bytes() == blob
    curl.run("--output", tmp_path / "part", "--range", "1000-1999", target)
    assert (tmp_path / "part").read_bytes() == blob[1000:2000]


def test_a_client_that_speaks_http_1_is_served_on_the_same_port(
    encrypted: Encrypted, curl: Tool
) -> None:
    url = f"https://{encrypted.host}/v2/"
    assert spoken(curl, url) == ("2", "200")
    assert spoken(curl, url, "--http1.1") == ("1.1", "200")


def test_without_the_setting_nobody_speaks_it(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path / "authority")
    pair = authority.issue("server")
    config: Settings = {
        "http": {"tls": {"certificate": str(pair.certificate), "key": str(pair.key)}}
    }
    tool = Tool(
        need("curl"), options=("--silent", "--http2", "--cacert", str(authority.certificate))
    )
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        assert spoken(tool, f"https://{server.host}/v2/") == ("1.1", "200")


class Upload:
    """A PATCH over a bare connection, to a session of its own."""

    def __init__(self, server: Server, name: str) -> None:
        self._tool = Tool(need("curl"), options=("--silent", "--http2-prior-knowledge"))
        self._server = server
        told = self._tool.run("-i", "-X", "POST", f"{server.url}/v2/{name}/blobs/uploads/")
        lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
        self.target = lines["location"].strip()
        uploads = server.root / f"docker/registry/v2/repositories/{name}/_uploads"
        self._data = uploads / urlsplit(self.target).path.rpartition("/")[2] / "data"

    def open(self) -> socket.socket:
        host, _, port = self._server.host.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=20)
        kind = (b"content-type", b"application/octet-stream")
        connection.sendall(Frames.begin(kind, method=b"PATCH", path=self.target.encode()))
        return connection

    def stored(self) -> int:
        return self._data.stat().st_size

    def status(self) -> str:
        """The bytes that the session has, as it tells; goes on where it tells."""
        told = self._tool.run("-i", f"{self._server.url}{self.target}")
        lines = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
        self.target = lines["location"].strip()
        return lines["range"].strip()

    def finish(self, rest: Path, start: int, digest: str) -> str:
        """The status of a PUT with what is missing."""
        size = start + rest.stat().st_size
        options = ("--header", f"Content-Range: {start}-{size - 1}", "--upload-file", rest)
        return spoken(self._tool, f"{self._server.url}{self.target}&digest={digest}", *options)[1]


RESETS = {
    "reset": Frames.reset(Frames.CANCEL),
    "reset-as-if-all-were-well": Frames.reset(Frames.NO_ERROR),
}


@pytest.mark.parametrize("last", RESETS.values(), ids=RESETS.keys())
def test_an_upload_that_is_reset_keeps_what_arrived_and_is_resumed(
    last: bytes, plain: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    blob = os.urandom(MEBIBYTE)
    begun, rest = blob[:40_000], tmp_path / "rest"
    rest.write_bytes(blob[40_000:])
    upload = Upload(plain, f"broken/{request.node.callspec.id}")
    with upload.open() as connection:
        for start in range(0, len(begun), 10_000):
            connection.sendall(Frames.data(begun[start : start + 10_000]))
        connection.sendall(last)
        wait_until(lambda: upload.stored() == len(begun), "what arrived is kept")
        wait_until(lambda: upload.status() == f"0-{len(begun) - 1}", "it is told")
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    assert upload.finish(rest, len(begun), digest) == "201"


def test_an_upload_whose_connection_ends_keeps_what_was_taken_and_is_resumed(
    plain: Server, tmp_path: Path
) -> None:
    """What the server had not handed on when the connection ended is lost, and not told."""
    blob, rest = os.urandom(4 * MEBIBYTE), tmp_path / "rest"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    upload = Upload(plain, "broken/closed")
    with upload.open() as connection:
        take_settings(connection)
        for start in range(0, 3 * MEBIBYTE, 16_384):
            connection.sendall(Frames.data(blob[start : start + 16_384]))
        wait_until(lambda: upload.stored() > 0, "some of it is written")
        taken = upload.stored()

    def is_finished() -> bool:
        told = int(upload.status().partition("-")[2]) + 1
        assert told >= taken
        rest.write_bytes(blob[told:])
        return upload.finish(rest, told, digest) == "201"

    wait_until(is_finished, "it is gone on with where it tells")


TOO_LARGE = b"\x48\x83\x69\x90\xff"
"""Status 431, as HPACK has it; the first byte of 404 is an index."""

NOT_FOUND = b"\x8d"


def take_settings(connection: socket.socket) -> None:
    """From here on as much may be sent as the server takes without an answer.

    A stream's room is in the settings, the connection's comes after them: who sends 64 KiB before
    it is there is hung up on, as RFC 9113 §6.9.1 has it.
    """
    received, wanted = b"", {Frames.SETTINGS, Frames.WINDOW_UPDATE}
    while not wanted <= {kind for kind, _ in Frames.parse(received)}:
        piece = connection.recv(65536)
        assert piece, "the connection ended before it had room"
        received += piece
    connection.sendall(Frames.frame(Frames.SETTINGS, Frames.ACK, 0, b""))


def decided(connection: socket.socket) -> tuple[int, bytes]:
    """The first frame that answers the request, or ends the connection."""
    received = b""
    while True:
        for kind, content in Frames.parse(received):
            if kind in (Frames.HEADERS, Frames.GOAWAY):
                return kind, content
        piece = connection.recv(65536)
        assert piece, "the connection ended without a word"
        received += piece


def asked(server: Server, path: bytes, *headers: tuple[bytes, bytes]) -> tuple[int, bytes]:
    """What decides it; who still talks when the connection ends may not hear why."""
    host, _, port = server.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(Frames.begin(*headers, method=b"GET", path=path))
            return decided(connection)
        except (BrokenPipeError, ConnectionResetError):
            return Frames.GOAWAY, b""


def test_a_list_of_headers_without_end_reaches_nobody(plain: Server) -> None:
    before, memory = plain.log.stat().st_size, memory_bytes(plain.process.pid)
    target = b"/v2/too-much/tags/list"
    assert asked(plain, target, (b"x-long", b"x" * HEADERS_MAX)) == (Frames.HEADERS, TOO_LARGE)
    many = [(b"x-%d" % number, b"x" * HEADERS_MAX) for number in range(20)]
    assert asked(plain, target, *many)[0] == Frames.GOAWAY
    kind, answer = asked(plain, b"/v2/just-right/tags/list", (b"x-long", b"x" * 60_000))
    assert (kind, answer[:1]) == (Frames.HEADERS, NOT_FOUND)

    def logged() -> bytes:
        return plain.log.read_bytes()[before:]

    wait_until(lambda: b"just-right" in logged(), "the request that was answered is logged")
    assert b"too-much" not in logged()
    assert memory_bytes(plain.process.pid) - memory < 32 * MEBIBYTE

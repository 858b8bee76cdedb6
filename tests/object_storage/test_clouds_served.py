"""`layerstore serve` on Google's and Microsoft's stores, two instances, and real clients."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.contract.content import some_bytes
from tests.object_storage.clouds import CLOUDS, MIB, Cloud, on
from tests.object_storage.test_killed_instances import layer
from tests.processes import short_folder
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server, original_server

ROOT = "/below/this"


@dataclass
class Pair:
    """Two instances on one store."""

    cloud: Cloud
    first: Server
    second: Server
    folder: Path


@pytest.fixture(scope="module", params=CLOUDS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        cloud = stack.enter_context(CLOUDS[request.param](folder))
        first, second = (
            stack.enter_context(layerstore_server(folder / name, config=on(cloud), workers=1))
            for name in ("first", "second")
        )
        yield Pair(cloud, first, second, folder)


@pytest.fixture(scope="module")
def crane() -> Iterator[Tool]:
    with short_folder("home") as home:
        yield Tool(need("crane"), environment={"HOME": str(home), "TMPDIR": str(home)})


def test_what_one_instance_takes_the_other_gives(pair: Pair, crane: Tool, tmp_path: Path) -> None:
    tar = layer(tmp_path / "layer.tar", 1)
    crane.run("append", "-f", tar, "-t", f"{pair.first.host}/app:v1", seconds=120)
    crane.run("validate", "--remote", f"{pair.second.host}/app:v1", seconds=120)
    assert crane.run("ls", f"{pair.second.host}/app").split() == ["v1"]
    assert crane.run("catalog", pair.second.host).split() == ["app"]


def ask(
    server: str, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(server, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {name.lower(): text for name, text in answer.getheaders()}, content
    finally:
        connection.close()


def below(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def pushed_in_turns(pair: Pair, content: bytes) -> str:
    """Each request meets the other instance; the digest of the blob."""
    turns = [pair.first.host, pair.second.host]
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    status, headers, _ = ask(turns[0], "POST", "/v2/turns/blobs/uploads/")
    assert status == 202
    step = 6 * MIB
    for turn, start in enumerate(range(0, len(content), step), 1):
        part = content[start : start + step]
        said = {"Content-Range": f"{start}-{start + len(part) - 1}"}
        status, headers, _ = ask(turns[turn % 2], "PATCH", below(headers["location"]), part, **said)
        assert (status, headers["range"]) == (202, f"0-{start + len(part) - 1}")
    target = below(headers["location"])
    status, _, told = ask(
        turns[1], "PUT", f"{target}{'&' if '?' in target else '?'}digest={digest}"
    )
    assert status == 201, told
    return digest


def test_an_upload_goes_on_at_the_other_instance(pair: Pair) -> None:
    content = some_bytes(15 * MIB + 7)
    digest = pushed_in_turns(pair, content)
    path = f"/v2/turns/blobs/{digest}"
    assert ask(pair.second.host, "GET", path)[0] == 307
    assert fetch(pair.second.host, path)[::2] == (200, content)


def test_of_a_cancelled_upload_nothing_is_left(pair: Pair) -> None:
    _, headers, _ = ask(pair.first.host, "POST", "/v2/cancelled/blobs/uploads/")
    _, headers, _ = ask(pair.first.host, "PATCH", below(headers["location"]), bytes(11 * MIB))
    upload = urlsplit(headers["location"]).path.rpartition("/")[2]
    folder = f"{ROOT[1:]}/docker/registry/v2/repositories/cancelled/_uploads/{upload}"
    assert asyncio.run(pair.cloud.keys(folder))
    assert ask(pair.second.host, "DELETE", below(headers["location"]))[0] == 204
    assert asyncio.run(pair.cloud.keys(folder)) == []


def test_without_redirects_bytes_come_from_here(pair: Pair, tmp_path: Path) -> None:
    content = some_bytes(6 * MIB + 1, 3)
    digest = pushed_in_turns(pair, content)
    config = on(pair.cloud, redirect={"disable": True})
    with layerstore_server(tmp_path / "plain", config=config, workers=1) as server:
        path = f"/v2/turns/blobs/{digest}"
        assert ask(server.host, "GET", path)[::2] == (200, content)
        span = ask(server.host, "GET", path, Range="bytes=5242870-5242890")
        assert span[::2] == (206, content[5242870:5242891])


def test_middleware_changes_where_clients_are_sent(pair: Pair, tmp_path: Path) -> None:
    digest = pushed_in_turns(pair, some_bytes(100, 4))
    step = {"name": "rewrite", "options": {"scheme": "https", "host": "blobs.example"}}
    config = {**on(pair.cloud), "middleware": {"storage": [step]}}
    with layerstore_server(tmp_path / "rewriting", config=config, workers=1) as server:
        status, headers, _ = ask(server.host, "GET", f"/v2/turns/blobs/{digest}")
    assert status == 307
    assert headers["location"].startswith("https://blobs.example/")
    assert ROOT in headers["location"]


@contextmanager
def original(pair: Pair, folder: Path) -> Iterator[Server]:
    """Version 3 of it on the same store, with the parameters that it knows."""
    known = {**pair.cloud.parameters, "rootdirectory": ROOT}
    environment = {}
    if pair.cloud.name == "gcs":
        environment["STORAGE_EMULATOR_HOST"] = urlsplit(known.pop("endpoint")).netloc
    else:
        known["credentials"] = {"type": "shared_key"}
    config = {
        "storage": {"filesystem": None, "redirect": {"disable": True}, pair.cloud.name: known}
    }
    with original_server(folder, config=config, environment=environment, version=3) as server:
        yield server


def test_the_original_gives_what_is_stored_here(pair: Pair, crane: Tool, tmp_path: Path) -> None:
    tar = layer(tmp_path / "layer.tar", 2)
    crane.run("append", "-f", tar, "-t", f"{pair.first.host}/shared:v1", seconds=120)
    with original(pair, tmp_path / "original") as its:
        crane.run("validate", "--remote", f"{its.host}/shared:v1", seconds=120)


def test_what_the_original_stored_is_given_here(pair: Pair, crane: Tool, tmp_path: Path) -> None:
    """And stored again, in one request too: a store may know several types of blobs."""
    if pair.cloud.name == "gcs":
        pytest.skip("the original's uploads know no other address than Google's own")
    tar = layer(tmp_path / "layer.tar", 5)
    with original(pair, tmp_path / "original") as its:
        crane.run("append", "-f", tar, "-t", f"{its.host}/its:v1", seconds=120)
    crane.run("validate", "--remote", f"{pair.first.host}/its:v1", seconds=120)
    manifest = json.loads(crane.run("manifest", f"{pair.first.host}/its:v1"))
    digest = manifest["layers"][0]["digest"]
    _, _, content = fetch(pair.first.host, f"/v2/its/blobs/{digest}")
    _, headers, _ = ask(pair.first.host, "POST", "/v2/again/blobs/uploads/")
    target = f"{below(headers['location'])}&digest={digest}"
    wrong = ask(pair.first.host, "PUT", target, b"?" * len(content))
    assert wrong[0] == 400
    crane.run("validate", "--remote", f"{pair.second.host}/its:v1", seconds=120)
    _, headers, _ = ask(pair.first.host, "POST", "/v2/again/blobs/uploads/")
    target = f"{below(headers['location'])}&digest={digest}"
    assert ask(pair.first.host, "PUT", target, content)[0] == 201
    crane.run("validate", "--remote", f"{pair.second.host}/its:v1", seconds=120)
    with original(pair, tmp_path / "original") as its:
        crane.run("validate", "--remote", f"{its.host}/its:v1", seconds=120)


def fetch(server: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Wherever the server sends the client."""
    answer = ask(server, "GET", path)
    if answer[0] != 307:
        return answer
    where = answer[1]["location"]
    return ask(urlsplit(where).netloc, "GET", below(where))

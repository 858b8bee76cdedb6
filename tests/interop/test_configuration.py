"""One file and the same variables mean the same to the original and to Layerstore.

What they make of them is looked at from outside: in the answer to `GET /v2/`.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server, Settings, layerstore_server, original_server
from tests.wire.client import SocketWire

Serve = Callable[..., AbstractContextManager[Server]]

HEADERS = {"http": {"headers": {"X-One": ["a"]}}}
TOKEN = {
    "auth": {
        "token": {
            "realm": "https://auth.example/token",
            "service": "registry.example",
            "issuer": "issuer",
        }
    }
}

CASES: dict[str, tuple[Settings, Mapping[str, str]]] = {
    "the file alone": (HEADERS, {}),
    "a new entry of a mapping": (HEADERS, {"HTTP_HEADERS_X-TWO": "[b]"}),
    "a mapping is replaced": (HEADERS, {"HTTP_HEADERS": "{X-Two: [b]}"}),
    "general before specific": (
        HEADERS,
        {"HTTP_HEADERS_X-TWO": "[b]", "HTTP_HEADERS": "{X-Three: [c]}"},
    ),
    "a bare name chooses": (
        {},
        {"AUTH": "silly", "AUTH_SILLY_REALM": "here", "AUTH_SILLY_SERVICE": "there"},
    ),
    "a section chooses": ({}, {"AUTH": "{silly: {realm: here, service: there}}"}),
    "a text that YAML may write in quotes": (
        {"auth": {"silly": {"realm": "here", "service": "there"}}},
        {"AUTH_SILLY_REALM": "'a: b'"},
    ),
    "what fits nothing changes nothing": (HEADERS, {"HTTP_HEADRES_X-ONE": "[b]", "X": "1"}),
}

DIFFERENCES: dict[str, tuple[Mapping[str, str], list[str], list[str]]] = {
    # The original keeps the file's header beside the variable's and sends both.
    "an entry of a mapping is replaced": (
        {"HTTP_HEADERS_X-ONE": "[b, c]"},
        ["a", "b", "c"],
        ["b", "c"],
    ),
    # The original knows places in lists of sections, and passes over places in lists of words.
    "an entry of a list is replaced": ({"HTTP_HEADERS_X-ONE_0": "b"}, ["a"], ["b"]),
    "an entry of a list is added": ({"HTTP_HEADERS_X-ONE_1": "b"}, ["a"], ["a", "b"]),
}
"""Variables over HEADERS, what the original sends as X-One, and what Layerstore sends."""


@pytest.mark.parametrize("name", CASES)
def test_both_answer_alike(name: str, tmp_path: Path) -> None:
    config, variables = CASES[name]
    original = _answer(original_server, tmp_path / "original", config, variables)
    ours = _answer(layerstore_server, tmp_path / "ours", config, variables)
    assert ours == original


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_they_differ_a_variable_has_the_last_word(name: str, tmp_path: Path) -> None:
    variables, original, ours = DIFFERENCES[name]
    for serve, values in ((original_server, original), (layerstore_server, ours)):
        answer = _answer(serve, tmp_path / serve.__name__, HEADERS, variables)
        assert answer == (200, {"x-one": values})


NOT_TOLD_HERE = {"go.version", "auth.user", "err.detail"}
"""Of another language; the same as auth.user.name, as Go prints it; what a client is told."""


@pytest.mark.parametrize("formatter", ["json", "logstash"])
def test_a_line_of_a_request_has_the_fields_of_the_original(formatter: str, tmp_path: Path) -> None:
    config = {
        "log": {"formatter": formatter, "fields": {"service": "registry"}},
        "auth": {"silly": {"realm": "here", "service": "there"}},
    }
    sent = {"Authorization": "x", "User-Agent": "a program", "Referer": "http://elsewhere"}
    told = []
    for serve in (original_server, layerstore_server):
        with serve(tmp_path / serve.__name__, config=config) as server:
            SocketWire(server.host).ask("GET", "/v2/a/b/manifests/t", sent)
        lines = [line for line in server.log.read_text().splitlines() if "manifests/t" in line]
        told.append(json.loads(next(line for line in lines if "response completed" in line)))
    original, ours = told
    assert original.keys() - ours.keys() <= NOT_TOLD_HERE
    same = ("http.request.uri", "http.request.useragent", "vars.name", "auth.user.name")
    assert [ours[name] for name in same] == [original[name] for name in same]


HOSTS = [
    "https://fixed.example",
    "https://fixed.example/",
    "https://fixed.example:443",
    "https://fixed.example/base",
    "https://fixed.example/base/",
    "https://fixed.example/base/deeper",
]


def test_both_send_clients_to_the_same_place(tmp_path: Path) -> None:
    """Where `http.host` has a path, and where it has half of one."""
    for number, host in enumerate(HOSTS):
        config = {"http": {"host": host}}
        places = set()
        for serve in (original_server, layerstore_server):
            with serve(tmp_path / f"{serve.__name__}-{number}", config=config) as server:
                answer = SocketWire(server.host).ask("POST", "/v2/a/blobs/uploads/")
                places.add(answer.location.partition("/a/blobs/")[0])
        assert len(places) == 1, (host, places)


@pytest.mark.parametrize(
    ("config", "variables"),
    [
        ({"log": {"level": "loud"}}, {}),
        ({"version": 7}, {}),
        ({"storage": {"inmemory": {}}}, {}),
        ({}, {"STORAGE": "{inmemory: {}, filesystem: {}}"}),
        ({}, {"HTTP_HEADERS": "[not, a, mapping]"}),
        (TOKEN, {}),
    ],
)
@pytest.mark.parametrize("serve", [original_server, layerstore_server])
def test_both_refuse_to_start(
    serve: Serve, config: dict[str, Any], variables: Mapping[str, str], tmp_path: Path
) -> None:
    with (
        pytest.raises(RuntimeError, match="ended"),
        serve(tmp_path / "root", config=config, environment=_named(variables)),
    ):
        pass


def _named(variables: Mapping[str, str]) -> dict[str, str]:
    return {f"REGISTRY_{key}": value for key, value in variables.items()}


def _answer(
    serve: Serve, root: Path, config: Settings, variables: Mapping[str, str]
) -> tuple[int, dict[str, list[str]]]:
    """The status, and the headers that the configuration makes."""
    with serve(root, config=config, environment=_named(variables)) as server:
        connection = http.client.HTTPConnection(server.host, timeout=10)
        try:
            connection.request("GET", "/v2/")
            response = connection.getresponse()
            headers = response.getheaders()
        finally:
            connection.close()
    seen: dict[str, list[str]] = {}
    for key, value in headers:
        name = key.lower()
        if name == "www-authenticate" or (name.startswith("x-") and name != "x-request-id"):
            seen.setdefault(name, []).append(value)
    return response.status, {name: sorted(values) for name, values in seen.items()}

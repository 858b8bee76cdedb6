"""Nonsense in any key is refused in a sentence, told of, or borne; it never breaks the start."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import inspect

from layerstore.app.serving import build, edge_limits
from layerstore.app.settling import settle
from layerstore.app.watching import health_checks
from layerstore.cli.certificates import certificates
from layerstore.cli.plan import assignment, log_settings
from layerstore.config import Config, ConfigError
from layerstore.config.loading import load
from layerstore.config.shape import Kind, is_marked, plain
from layerstore.telemetry.page import Page
from layerstore.web.proxies import proxies
from layerstore.web.sockets import parse_address
from tests.fakes import FakeClock
from tests.issuer import Signer
from tests.unit.config.every_key import KEYS, nested

TEXTS = [
    "nonsense",
    "a b",
    ":",
    "http://",
    "é\u2028",
    "x" * 5_000,
    "../..",
    "[::1",
    "%",
    "no\0text",
]
NUMBERS = [0, -1, 1, 2**62]
DURATIONS = ["0s", "-1s", "1ns", "2540400h"]

WHOLE: Mapping[str, dict[str, Any]] = {
    "storage.s3": {"storage": {"s3": {"bucket": "b", "region": "r"}}},
    "storage.filesystem": {"storage": {"filesystem": {"rootdirectory": "data"}}},
    "auth.silly": {"auth": {"silly": {"realm": "r", "service": "s"}}},
    "auth.htpasswd": {"auth": {"htpasswd": {"realm": "r", "path": "htpasswd"}}},
    "auth.token": {
        "auth": {"token": {"realm": "r", "service": "s", "issuer": "i", "jwks": "keys.json"}}
    },
    "auth.policies": {"auth": {"none": {}, "policies": [{"actions": ["pull"]}]}},
    "middleware.storage": {
        "middleware": {"storage": [{"name": "redirect", "options": {"baseurl": "https://a"}}]}
    },
    "health.http": {"health": {"http": [{"uri": "http://a.example"}]}},
    "health.tcp": {"health": {"tcp": [{"addr": "a.example:1"}]}},
    "health.file": {"health": {"file": [{"file": "f"}]}},
    "http.debug": {"http": {"debug": {"addr": "localhost:0", "prometheus": {"enabled": True}}}},
}
"""What has to stand beside a key of the section, so that anybody looks at it."""

KEYS_OF_A_SERVICE = json.dumps({"keys": [Signer.new("EdDSA").jwk]})


def values(kind: Kind) -> list[Any]:
    """Nonsense of the kind that a key takes; what is of no kind at all is refused elsewhere."""
    if is_marked(kind, "is_duration"):
        return DURATIONS
    match plain(kind):
        case inspect.IntType():
            return NUMBERS
        case inspect.BoolType():
            return [True, False]
        case inspect.LiteralType(values=known):
            return list(known)
        case inspect.VarTupleType(item_type=item):
            return [[], *([one] for one in values(item))]
        case inspect.DictType(value_type=item):
            return [{}, *({"name": one} for one in values(item)), {"a b\n": values(item)[0]}]
        case inspect.StrType():
            return TEXTS
        case _:
            return [{}]


def beside(path: str) -> dict[str, Any]:
    tree: dict[str, Any] = {"version": 0.1, "storage": {"inmemory": {}}}
    if path.startswith(("storage.gcs", "storage.azure")):
        tree["storage"] = {}
    section = next((name for name in WHOLE if path.startswith(name)), None)
    return {**tree, **(WHOLE[section] if section else {})}


def laid(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: laid(under.get(key), value) for key, value in over.items()}}
    if isinstance(under, list) and isinstance(over, list) and under and over:
        return [laid(under[0], over[0])]
    return over


def started(config: Config, folder: Path) -> None:
    """All that a start makes of a configuration, but for the processes."""
    clock = FakeClock()
    settled = settle(config, clock)
    certificates(settled.http.tls)
    health_checks(settled, clock)
    if settled.http.debug.addr:
        parse_address(settled.http.debug.addr)
    proxies(settled.http.trustedproxies)
    edge_limits(settled)
    folder.mkdir()
    assignment(settled, folder / "told", folder / "page", [], log_settings(settled, {}))
    build(settled, Page.create(folder / "page", 1), clock)


@pytest.mark.parametrize("path", KEYS)
def test_whatever_stands_there_is_borne_or_refused_in_a_sentence(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("keys.json").write_text(KEYS_OF_A_SERVICE)
    file = Path("config.yml")
    for number, value in enumerate(values(KEYS[path])):
        tree = laid(beside(path), nested(path, value))
        file.write_text(yaml.safe_dump(tree))
        told = configured(file)
        if isinstance(told, Config):
            told = begun(told, tmp_path / f"start-{number}")
            assert told == "" or any(words in told.lower() for words in OF_THE_MACHINE), told
        assert re.fullmatch(r"([a-z0-9_.\[\]]+: \S.*)?", told, re.DOTALL), value


def configured(file: Path) -> Config | str:
    """The configuration, or why it is none."""
    try:
        return load(file, {}).config
    except ConfigError as error:
        return str(error)


def begun(config: Config, folder: Path) -> str:
    """Why no server starts with it; empty if one does."""
    try:
        started(config, folder)
    except ConfigError as error:
        return str(error)
    return ""


OF_THE_MACHINE = ("no such file or directory", "file name too long", "is a directory")
"""What a check of the configuration alone cannot know."""

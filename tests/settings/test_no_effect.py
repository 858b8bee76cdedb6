"""What has no effect is told at the start, in the words of the documentation; all else is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from layerstore.config.checks import NO_EFFECT, NOT_NEEDED, notices
from layerstore.config.reference import markdown
from tests.servers import layerstore_server

SILENT = """
loglevel: info
log:
  reportcaller: true
  hooks: [{type: mail, levels: [panic], options: {to: [errors@example.com]}}]
storage:
  cache: {blobdescriptor: redis, blobdescriptorsize: 10}
middleware:
  storage:
    - name: redirect
      options:
        baseurl: https://files.example
        awsregion: eu-central-1
        updatefrequency: 12h
        iprangesurl: https://ip-ranges.example
redis: {addr: 'localhost:6379', pool: {maxidle: 16}}
reporting: {bugsnag: {apikey: none}, newrelic: {name: none}}
http: {h2c: {enabled: true}}
notifications: {events: {includereferences: true}, endpoints: [{name: a, url: 'http://a'}]}
validation: {enabled: true}
metadata: {url: ''}
"""
OF_ANOTHER_DRIVER = ("storage.s3.",)


def told_of(key: str) -> bool:
    return not key.startswith(OF_ANOTHER_DRIVER)


def test_the_start_tells_everything_that_has_no_effect(tmp_path: Path) -> None:
    config = yaml.safe_load(SILENT)
    with layerstore_server(tmp_path / "storage", config=config, workers=1) as server:
        log = server.log.read_text()
    for key, reason in NO_EFFECT.items():
        if told_of(key):
            place = key.replace("[]", "[0]")
            assert f"{place}: has no effect: {reason} ({server.configuration}, line " in log
    assert "loglevel: the former name of log.level" in log


def test_a_server_without_such_keys_tells_nothing(tmp_path: Path) -> None:
    with layerstore_server(tmp_path / "storage", workers=1) as server:
        assert "no effect" not in server.log.read_text()


@pytest.mark.parametrize("key", NO_EFFECT)
def test_the_documentation_gives_the_same_reason(key: str) -> None:
    rows = [line for line in markdown().splitlines() if NO_EFFECT[key] in line]
    assert any("**No effect:** " in line for line in rows)
    told = notices({key.replace("[]", "[2]"): "here"})
    assert told == [f"{key.replace('[]', '[2]')}: has no effect: {NO_EFFECT[key]} (here)"]


def test_what_is_not_needed_stands_in_the_documentation_alone() -> None:
    page = markdown().splitlines()
    for key, reason in NOT_NEEDED.items():
        name = key.rpartition(".")[2]
        assert any(line.startswith(f"| `{name}` ") and reason in line for line in page), key
        assert notices({key: "here"}) == []

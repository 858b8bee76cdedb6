"""A configuration is shown whole, and without its secrets."""

import yaml

from layerstore.config.decode import decode
from layerstore.config.document import parse
from layerstore.config.shown import MASK, flat, shown
from layerstore.config.tree import Config

SECRETS = """
http: {secret: hunter2, addr: 'localhost:1'}
storage: {s3: {accesskey: hunter2, secretkey: hunter2, bucket: images}}
proxy: {remoteurl: 'https://user:hunter2@registry.example/x', password: hunter2}
redis: {password: hunter2}
log: {hooks: [{options: {smtp: {password: hunter2}}}]}
notifications: {endpoints: [{name: n, headers: {Authorization: [hunter2, hunter2]}}]}
"""


def config(text: str) -> Config:
    return decode(parse(text, "file").value).config


def test_no_secret_is_shown() -> None:
    text = repr(shown(config(SECRETS)))
    assert "hunter2" not in text
    assert "images" in text
    assert f"https://{MASK}@registry.example/x" in text


def test_a_secret_that_is_not_set_is_not_masked() -> None:
    tree = shown(config(SECRETS))
    assert tree["http"]["secret"] == MASK
    assert tree["metadata"]["url"] == ""


def test_secret_headers_keep_their_names() -> None:
    [endpoint] = shown(config(SECRETS))["notifications"]["endpoints"]
    assert endpoint["headers"] == {"Authorization": [MASK, MASK]}


def test_durations_are_shown_as_they_are_written() -> None:
    tree = shown(Config())
    assert tree["storage"]["maintenance"]["uploadpurging"]["age"] == "168h"
    assert tree["health"]["storagedriver"]["interval"] == "10s"


def test_what_was_not_chosen_is_left_out() -> None:
    tree = shown(config("storage: inmemory"))
    assert tree["storage"]["inmemory"] == {}
    assert "filesystem" not in tree["storage"]
    assert "relativeurls" not in tree["http"]


def test_what_is_shown_is_a_configuration_with_the_same_meaning() -> None:
    text = "storage: {azure: {retry_delay: 250ms}}\nlog: {level: warn}\nhttp: {headers: {X: [a]}}"
    for one in (config(text), Config()):
        assert config(yaml.safe_dump(shown(one))) == one


def test_every_value_has_its_path() -> None:
    tree = {"a": {"b": [1, {"c": 2}], "d": {}, "e": []}, "f": None}
    assert dict(flat(tree)) == {"a.b[0]": 1, "a.b[1].c": 2, "a.d": {}, "a.e": [], "f": None}

"""The page about the configuration tells of every key, and is the one that the tree makes."""

from pathlib import Path

import pytest

from layerstore.config.reference import Key, keys, markdown

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_as_new_as_the_tree() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "python -m layerstore.config.reference > docs/configuration.md"
    )


@pytest.mark.parametrize("key", keys(), ids=lambda key: key.path)
def test_every_key_says_what_it_is_for(key: Key) -> None:
    assert key.text.endswith("."), key.path


def test_keys_are_told_by_the_path_that_people_write() -> None:
    paths = {key.path for key in keys()}
    assert {"log.hooks[].options.from", "storage.azure.max_retries", "http.addr"} <= paths


def test_our_own_keys_and_those_of_version_2_are_marked() -> None:
    page = markdown()
    assert "| `workers` | number | `0` | **Ours.** Processes" in page
    assert "| `enabled` | true, false | `false` | *Version 2.* Whether they are taken" in page
    assert "### `loglevel`\n\n*Version 2.* The former name" in page


def test_defaults_are_told_as_they_are_written() -> None:
    page = markdown()
    assert "| `age` | duration | `168h` |" in page
    assert "| `formatter` | `json`, `logstash`, `text` | `text` |" in page
    assert "| `password` | secret |  |" in page

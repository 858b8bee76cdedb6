"""The commands that look at a storage, and remove from it, beside a server."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layerstore.cli.main import app
from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.storage.filesystem import FilesystemDriver
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

FIRST = image()
SECOND = image(annotations={"second": "yes"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A storage with a/one, whose tag `latest` led to two manifests, and b/two with one upload."""
    root = tmp_path / "data"

    async def fill() -> None:
        clock = SystemClock()
        registry = LocalRegistry(FilesystemDriver(root, clock), ProcessLocks(), clock)
        one = registry.repository(Name("a/one"))
        await push_blobs(one, CONFIG, LAYER)
        await one.manifests.put(FIRST, None, tags=[Tag("latest"), Tag("first")])
        await one.manifests.put(SECOND, None, tags=[Tag("latest")])
        two = registry.repository(Name("b/two"))
        await push_blobs(two, CONFIG, LAYER)
        await two.manifests.put(FIRST, None, tags=[Tag("only")])
        await two.uploads.start()

    asyncio.run(fill())
    return root


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--data", str(data)])


def printed(data: Path, *words: str) -> str:
    result = run(data, *words)
    assert result.exit_code == 0, result.output
    return result.output


def test_repositories_are_listed_one_a_line(data: Path) -> None:
    assert printed(data, "repository", "list") == "a/one\nb/two\n"


def test_repositories_are_listed_as_json(data: Path) -> None:
    assert json.loads(printed(data, "repository", "list", "--json")) == ["a/one", "b/two"]


def test_tags_are_listed_in_byte_order(data: Path) -> None:
    assert printed(data, "tag", "list", "a/one") == "first\nlatest\n"


def test_tags_of_an_unknown_repository_are_an_error(data: Path) -> None:
    result = run(data, "tag", "list", "a/none")
    assert result.exit_code == 1
    assert "a/none" in result.output


def test_the_history_of_a_tag_begins_with_the_latest(data: Path) -> None:
    lines = printed(data, "history", "a/one:latest").splitlines()
    assert [Digest.of(SECOND) in lines[0], Digest.of(FIRST) in lines[1]] == [True, True]
    assert [line.endswith("(current)") for line in lines] == [True, False]


def test_the_history_of_a_tag_as_json_tells_moments(data: Path) -> None:
    latest, earlier = json.loads(printed(data, "history", "a/one:latest", "--json"))
    assert latest["digest"] == Digest.of(SECOND)
    assert latest["at"] >= earlier["at"]
    assert [latest["current"], earlier["current"]] == [True, False]


def test_a_removed_tag_leaves_its_manifest_and_other_tags(data: Path) -> None:
    printed(data, "tag", "delete", "a/one:first")
    assert printed(data, "tag", "list", "a/one") == "latest\n"
    assert run(data, "history", "a/one:first").exit_code == 1
    printed(data, "manifest", "delete", f"a/one@{Digest.of(FIRST)}")


def test_a_removed_manifest_takes_its_tags_along(data: Path) -> None:
    printed(data, "manifest", "delete", f"a/one@{Digest.of(SECOND)}")
    assert printed(data, "tag", "list", "a/one") == "first\n"
    assert run(data, "manifest", "delete", f"a/one@{Digest.of(SECOND)}").exit_code == 1


def test_a_dry_run_tells_what_would_go_and_removes_nothing(data: Path) -> None:
    told = json.loads(printed(data, "repository", "delete", "b/two", "--dry-run", "--json"))
    assert told == {
        "name": "b/two",
        "deleted": False,
        "tags": 1,
        "revisions": 1,
        "layers": 2,
        "referrers": 0,
        "uploads": 1,
    }
    assert printed(data, "repository", "list") == "a/one\nb/two\n"


def test_a_removed_repository_leaves_the_catalog(data: Path) -> None:
    assert printed(data, "repository", "delete", "b/two").startswith("removed b/two: 1 tags")
    assert printed(data, "repository", "list") == "a/one\n"
    assert run(data, "repository", "delete", "b/two").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("history", "no-tag"),
        ("history", "UPPER:tag"),
        ("tag", "delete", "name:"),
        ("tag", "list", "../etc"),
        ("manifest", "delete", "name"),
        ("manifest", "delete", "name@sha256:short"),
        ("repository", "delete", "a//b"),
    ],
)
def test_arguments_of_the_wrong_form_end_with_status_2(data: Path, words: tuple[str, ...]) -> None:
    result = run(data, *words)
    assert result.exit_code == 2
    assert result.output.startswith("layerstore: ")


def test_a_storage_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", "repository", "list")
    assert result.exit_code == 2
    assert "nowhere" in result.output
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("config", "check"),
        ("config", "show"),
        ("history",),
        ("purge-uploads",),
        ("repository", "list"),
        ("repository", "delete"),
        ("tag", "list"),
        ("tag", "delete"),
        ("manifest", "show"),
        ("manifest", "delete"),
    ],
)
def test_help_shows_examples_and_exit_statuses(command: tuple[str, ...]) -> None:
    text = CliRunner().invoke(app, [*command, "--help"]).output
    assert "Examples:" in text
    assert "Exit status" in text

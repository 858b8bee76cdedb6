"""`layerstore check` as its operator sees it: lines, JSON, exit statuses."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from layerstore.cli.main import app
from layerstore.clock import SystemClock
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.paths import BlobData, ReferrerLink, TagCurrent
from layerstore.storage.filesystem import FilesystemDriver
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

NAME = Name("a/one")
LATEST = Tag("latest")
STALE = ReferrerLink(NAME, Digest.of(b"subject"), Digest.of(b"referrer"))
FIELDS = [
    "kind",
    "severity",
    "repository",
    "tag",
    "digest",
    "path",
    "text",
    "repair",
    "canBeMended",
    "mended",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A storage with one image under one tag."""
    root = tmp_path / "data"

    async def fill() -> None:
        clock = SystemClock()
        with closing(FilesystemDriver(root, clock)) as driver:
            one = LocalRegistry(driver, ProcessLocks(), clock).repository(NAME)
            await push_blobs(one, CONFIG, LAYER)
            await one.manifests.put(image(), None, tags=[LATEST])

    asyncio.run(fill())
    return root


def place(data: Path, path: str) -> Path:
    return data / path[1:]


def spoil(data: Path, path: str) -> None:
    place(data, path).write_bytes(b"spoilt")


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["check", *words, "--data", str(data)])


def objects(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_whole_storage_has_no_damage(data: Path) -> None:
    result = run(data)
    assert result.exit_code == 0
    assert "looked at 1 repositories, 1 manifests, 1 tags, 3 blobs" in result.stdout
    assert result.stdout.endswith("found 0 damage, 0 flaws, 0 notes\nno damage remains\n")


def test_damage_is_told_with_what_a_repair_would_do(data: Path) -> None:
    spoil(data, BlobData(Digest.of(LAYER)).path)
    result = run(data)
    assert result.exit_code == 1
    assert f"damage  bad-bytes  {Digest.of(LAYER)}: the bytes are not those" in result.stdout
    assert "--repair moves them to the quarantine" in result.stdout
    assert f"damage  missing-blob  {NAME}@{Digest.of(image())}: " in result.stdout
    assert result.stdout.endswith("2 damage remains\n")


def test_what_is_mended_no_longer_counts(data: Path) -> None:
    place(data, TagCurrent(NAME, LATEST).path).write_bytes(b"")
    assert run(data).exit_code == 1
    result = run(data, "--repair")
    assert result.exit_code == 0
    assert f"damage  tag-without-current  {NAME}:{LATEST}: " in result.stdout
    assert "mended: lets it lead to " in result.stdout
    assert "found 1 damage (1 mended)" in result.stdout
    assert "found 0 damage" in run(data).stdout


def test_flaws_are_told_and_are_no_damage(data: Path) -> None:
    link = place(data, STALE.path)
    link.parent.mkdir(parents=True)
    link.write_bytes(STALE.referrer.encode())
    result = run(data)
    assert result.exit_code == 0
    assert "flaw    stale-referrer" in result.stdout


def test_notes_are_counted_and_shown_when_asked_for(data: Path) -> None:
    place(data, "/docker/registry/v2/README").write_bytes(b"")
    result = run(data)
    assert "1 notes" in result.stdout
    assert "unknown-file" not in result.stdout
    assert "note    unknown-file" in run(data, "--notes").stdout


def test_json_is_one_object_a_line_and_a_summary(data: Path) -> None:
    place(data, TagCurrent(NAME, LATEST).path).write_bytes(b"")
    place(data, "/docker/registry/v2/README").write_bytes(b"")
    result = run(data, "--json")
    assert result.exit_code == 1
    tag, note, last = objects(result)
    assert [list(tag), list(note)] == [FIELDS, FIELDS]
    assert (tag["kind"], tag["severity"]) == ("tag-without-current", "damage")
    assert (tag["repository"], tag["tag"], tag["mended"]) == ("a/one", "latest", False)
    assert (note["kind"], note["repository"], note["canBeMended"]) == ("unknown-file", None, False)
    assert last["summary"] | {"seconds": 0} == {
        "repositories": 1,
        "manifests": 1,
        "tags": 1,
        "blobs": 3,
        "blob_bytes": len(CONFIG + LAYER + image()),
        "damage": 1,
        "damage_mended": 0,
        "flaws": 0,
        "flaws_mended": 0,
        "notes": 1,
        "seconds": 0,
        "remaining": 1,
    }


def test_blobs_are_left_unread_when_asked_for(data: Path) -> None:
    spoil(data, BlobData(Digest.of(LAYER)).path)
    assert run(data, "--skip-content").exit_code == 0


def test_a_configuration_says_where_to_look(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "registry.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\n")
    result = CliRunner().invoke(app, ["check", str(config)])
    assert "1 manifests" in result.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--rate", "fast"], "'fast' is not a number of bytes"),
        (["--rate", "0"], "'0' is not a number of bytes"),
        (["--repository", "A"], "invalid repository name"),
        (["--repository", "a/none"], "a/none"),
        (["none.yml"], "none.yml"),
    ],
)
def test_what_cannot_be_checked_is_told_in_a_sentence(
    data: Path, words: list[str], complaint: str
) -> None:
    result = run(data, *words)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run(tmp_path / "none")
    assert result.exit_code == 2
    assert "no such folder" in result.stderr


def test_memory_is_another_process_s_own(tmp_path: Path) -> None:
    config = tmp_path / "registry.yml"
    config.write_text("version: 0.1\nstorage: {inmemory: {}}\n")
    result = CliRunner().invoke(app, ["check", str(config)])
    assert result.exit_code == 2
    assert "another process cannot look into it" in result.stderr


def test_whoever_the_storage_does_not_belong_to_may_look_and_leaves_nothing(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(data, TagCurrent(NAME, LATEST).path).write_bytes(b"")
    monkeypatch.setattr("os.geteuid", lambda: 4711)
    before = sorted(data.rglob("*"))
    assert run(data).exit_code == 1
    refused = run(data, "--repair")
    assert refused.exit_code == 2
    assert "only the user that the server runs as can repair it" in refused.stderr
    assert sorted(data.rglob("*")) == before


def test_a_terminal_shows_how_far_it_has_come(data: Path) -> None:
    spoil(data, BlobData(Digest.of(LAYER)).path)
    command = ["check", "--data", str(data)]
    result = CliRunner().invoke(app, command, env={"FORCE_COLOR": "1"})
    assert result.exit_code == 1
    assert "of 3 blobs" in result.stderr
    assert "bad-bytes" in result.stdout


def test_help_shows_examples_and_exit_statuses() -> None:
    text = CliRunner().invoke(app, ["check", "--help"]).stdout
    assert "layerstore check --data /srv/registry --repair" in text
    assert "Exit status: 0 no damage" in text

"""The command under the original's name: what scripts that were written for registry:2 call."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from layerstore import __version__
from layerstore.cli.main import app


@pytest.mark.parametrize("option", ["--version", "-v"])
def test_the_version_has_three_words_under_the_original_name(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/registry", option])
    told = CliRunner().invoke(app, [option])
    assert (told.exit_code, told.output.split()) == (0, ["registry", "layerstore", __version__])


def test_the_version_has_two_words_under_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["layerstore", "--version"])
    assert CliRunner().invoke(app, ["--version"]).output.split() == ["layerstore", __version__]


def test_help_is_a_command_as_well() -> None:
    told = CliRunner().invoke(app, ["help"])
    assert told.exit_code == 0
    assert "serve" in told.output


@pytest.mark.parametrize(
    "options",
    [[], ["--dry-run"], ["-d", "-m", "-q"], ["--delete-untagged", "--quiet"]],
    ids=" ".join,
)
def test_garbage_is_not_collected_and_the_answer_says_how_it_can_be(
    options: list[str], tmp_path: Path
) -> None:
    told = CliRunner().invoke(app, ["garbage-collect", *options, str(tmp_path / "config.yml")])
    assert told.exit_code == 1
    assert "nothing was collected" in told.stderr
    assert "registry garbage-collect CONFIG" in told.stderr

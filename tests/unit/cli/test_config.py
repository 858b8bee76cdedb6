"""`layerstore config`: what a person sees, and what a script."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from layerstore.cli.config import app
from layerstore.cli.workers import slots_for
from layerstore.config.http import WORKERS_MAX
from layerstore.telemetry.page import SLOTS_MAX

GOOD = "version: 0.1\nstorage: {filesystem: {rootdirectory: /data}}\nhttp: {secret: hunter2}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good file."""
    path = tmp_path / "config.yml"
    path.write_text(GOOD)
    return path


def run(*arguments: str | Path, **variables: str) -> Result:
    """The command with only these REGISTRY_ variables."""
    return CliRunner().invoke(app, [str(one) for one in arguments], env=variables)


def lines(result: Result) -> Sequence[str]:
    return result.stdout.splitlines()


def test_a_good_file_is_told_to_be_good(file: Path) -> None:
    result = run("check", file)
    assert (result.exit_code, lines(result)) == (0, ["The configuration can be served."])


def test_warnings_are_told_and_count_only_when_asked_for(file: Path) -> None:
    file.write_text(GOOD + "htpp: {}\n")
    result = run("check", file)
    assert result.exit_code == 0
    assert lines(result) == [
        f"warning: htpp: this key is unknown and has no effect; is http meant? ({file}, line 4)",
        "The configuration can be served.",
    ]
    assert run("check", "--strict", file).exit_code == 1


def test_errors_are_told_one_a_line(file: Path) -> None:
    file.write_text(GOOD + "log: {level: loud}\ntags: {maxtags: 0}\n")
    result = run("check", file)
    assert result.exit_code == 2
    assert [line.split(": ")[:2] for line in lines(result)] == [
        ["error", "log.level"],
        ["error", "tags.maxtags"],
    ]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    result = run("check", tmp_path / "absent.yml")
    assert result.exit_code == 2
    assert "absent.yml: no such file or directory" in result.stdout


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("auth: {htpasswd: {realm: r, path: FOLDER}}\n", "auth.htpasswd.path: FOLDER: "),
        (
            "auth: {token: {realm: r, service: s, issuer: i, rootcertbundle: FOLDER/no}}\n",
            "auth.token",
        ),
        ("compatibility: {schema1: {signingkeyfile: FOLDER/no}}\n", "compatibility.schema1"),
    ],
)
def test_files_that_are_named_are_looked_at(
    file: Path, tmp_path: Path, section: str, told: str
) -> None:
    """What `serve` would refuse: Debian's own file names a folder as the one of passwords."""
    file.write_text(GOOD + section.replace("FOLDER", str(tmp_path)))
    result = run("check", file)
    assert result.exit_code == 2
    assert f"error: {told.replace('FOLDER', str(tmp_path))}" in result.stdout


def test_certificates_that_are_named_are_looked_at(file: Path) -> None:
    file.write_text(GOOD.replace("http: {", "http: {tls: {certificate: /no.pem, key: /no.key}, "))
    result = run("check", file)
    assert result.exit_code == 2
    assert "error: http.tls.certificate" in result.stdout


def test_a_look_makes_no_password_file(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    file.write_text(GOOD + f"auth: {{htpasswd: {{realm: r, path: {path}}}}}\n")
    assert run("check", file).exit_code == 0
    assert not path.exists()


def test_variables_count(file: Path) -> None:
    assert run("check", file, REGISTRY_LOG_LEVEL="loud").exit_code == 2
    assert run("check", REGISTRY_CONFIGURATION_PATH=str(file)).exit_code == 0
    shown = yaml.safe_load(run("show", file, REGISTRY_HTTP_ADDR="':7'").stdout)
    assert shown["http"]["addr"] == ":7"


def test_every_key_is_shown_and_no_secret(file: Path) -> None:
    result = run("show", file)
    shown = yaml.safe_load(result.stdout)
    assert result.exit_code == 0
    assert shown["storage"]["filesystem"] == {"rootdirectory": "/data", "maxthreads": 100}
    assert shown["http"]["secret"] == "********"
    for options in ([], ["--json"], ["--origins"], ["--json", "--origins"]):
        assert "hunter2" not in run("show", file, *options).output


def test_where_each_value_comes_from_is_told(file: Path) -> None:
    told = lines(run("show", "--origins", file, REGISTRY_HTTP_ADDR="':7'"))
    assert f"storage.filesystem.rootdirectory: /data  # {file}, line 2" in told
    assert "http.addr: :7  # REGISTRY_HTTP_ADDR" in told
    assert "http.net: tcp  # default" in told


def test_programs_get_json(file: Path) -> None:
    assert json.loads(run("show", "--json", file).stdout)["http"]["addr"] == ":5000"
    both = json.loads(run("show", "--json", "--origins", file).stdout)
    assert both["config"]["http"]["net"] == "tcp"
    assert both["origins"]["http.net"] == "default"
    assert both["origins"]["http.secret"] == f"{file}, line 3"


def test_what_cannot_be_served_can_be_shown(file: Path) -> None:
    file.write_text(GOOD + "proxy: {remoteurl: 'https://registry.example'}\n")
    assert run("show", file).exit_code == 0
    assert run("check", file).exit_code == 2


def test_what_cannot_be_read_is_not_shown(file: Path) -> None:
    file.write_text("version: 7\n")
    result = run("show", file)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "version: '7' is not known here" in result.stderr


def test_a_misspelt_key_is_told_beside_what_is_missing_for_it(file: Path) -> None:
    file.write_text("version: 0.1\nstorag: {filesystem: {rootdirectory: /data}}\n")
    result = run("check", file)
    assert result.exit_code == 2
    warning, error = lines(result)
    assert "is storage meant?" in warning
    assert error.startswith("error: storage: no driver is named")


def test_programs_get_what_is_wrong_as_json(file: Path) -> None:
    file.write_text(GOOD + "htpp: {}\n")
    found = json.loads(run("check", "--json", file).stdout)
    assert (found["servable"], found["errors"], len(found["warnings"])) == (True, [], 1)
    file.write_text(GOOD + "log: {level: loud}\n")
    refused = run("check", "--json", file)
    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["servable"] is False


def test_as_many_workers_as_may_be_asked_for_have_their_places() -> None:
    assert slots_for(WORKERS_MAX) <= SLOTS_MAX

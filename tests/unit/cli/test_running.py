"""Finding the server that runs beside a command, in a process table of the test's own."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from layerstore.cli.running import running_server

Environment = Mapping[str, str]


def process(table: Path, number: int, words: list[str], environment: Environment) -> None:
    folder = table / str(number)
    folder.mkdir()
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    pairs = [f"{name}={value}" for name, value in environment.items()]
    (folder / "environ").write_bytes(b"".join(pair.encode() + b"\0" for pair in pairs))
    (folder / "cwd").symlink_to("/srv")


def test_a_server_is_known_by_its_command(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    process(tmp_path, 1, ["/sbin/init", "--", "registry", "serve.sh"], {})
    process(tmp_path, 7, ["python3", "/usr/bin/registry", "serve", "a.yml"], {"A": "b=c"})
    found = running_server(tmp_path)
    assert found is not None
    assert found.arguments == ("a.yml",)
    assert found.environment == {"A": "b=c"}
    assert found.folder == Path("/srv")


@pytest.mark.parametrize("name", ["layerstore", "registry"])
def test_of_two_servers_the_older_one_is_found(name: str, tmp_path: Path) -> None:
    process(tmp_path, 10, [name, "serve", "--addr", ":5001"], {})
    process(tmp_path, 9, [name, "serve", "--addr", ":5000"], {})
    found = running_server(tmp_path)
    assert found is not None
    assert found.arguments == ("--addr", ":5000")


def test_another_program_that_serves_is_none(tmp_path: Path) -> None:
    process(tmp_path, 1, ["docker-registry-mirror", "serve", "a.yml"], {})
    process(tmp_path, 2, ["serve"], {})
    process(tmp_path, 3, [""], {})
    assert running_server(tmp_path) is None


def test_a_process_that_went_meanwhile_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    process(tmp_path, 4, ["registry", "serve"], {})
    (tmp_path / "4" / "environ").unlink()
    process(tmp_path, 5, ["registry", "serve", "c.yml"], {})
    found = running_server(tmp_path)
    assert found is not None
    assert found.arguments == ("c.yml",)

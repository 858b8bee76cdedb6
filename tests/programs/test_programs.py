"""The catalogue of outside programs itself: what is found, and what a missing program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.programs import find, install, need
from tests.programs.catalogue import (
    PROGRAMS,
    GoModule,
    NpmPackage,
    built_path,
    named,
    npm_folder,
    npm_path,
)
from tests.programs.finding import NEED_VARIABLE

GO_MODULES = [(one.name, one.origin) for one in PROGRAMS if isinstance(one.origin, GoModule)]
EXACT_VERSION = re.compile(r"v\d+\.\d+\.\d+(-\d+\.\d{14}-[0-9a-f]{12}|-\d{14}-[0-9a-f]{12})?")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH and an empty cache; answers with the cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_no_two_programs_have_one_name() -> None:
    names = [program.name for program in PROGRAMS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "module"), GO_MODULES)
def test_a_go_program_has_an_exact_version_and_a_folder_for_it(name: str, module: GoModule) -> None:
    assert EXACT_VERSION.fullmatch(module.version)
    assert built_path(name, module).parent.name == f"{name}-{module.version}"


def test_a_package_for_node_has_an_exact_version_and_a_folder_for_it() -> None:
    for program in PROGRAMS:
        if isinstance(program.origin, NpmPackage):
            assert EXACT_VERSION.fullmatch(f"v{program.origin.version}")
            folder = npm_folder(program.origin)
            assert folder.name == f"{program.origin.name}-{program.origin.version}"
            assert npm_path(program.name, program.origin).is_relative_to(folder)


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_program_skips_the_test_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NEED_VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="crane is not installed; with Go: go install"):
        need("crane")


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_program_fails_the_test_where_all_are_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NEED_VARIABLE, "1")
    with pytest.raises(pytest.fail.Exception, match="crane is not installed"):
        need("crane")


def test_a_program_that_was_built_is_found_by_its_version(nothing_installed: Path) -> None:
    crane = named("crane")
    assert isinstance(crane.origin, GoModule)
    place = built_path("crane", crane.origin)
    assert nothing_installed in place.parents
    place.parent.mkdir(parents=True)
    place.write_text("#!/bin/sh\n")
    assert find("crane") is None
    place.chmod(0o755)
    assert find("crane") == place


def test_services_may_start_again_once_packages_are_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(install, "POLICY_FILE", policy)
    with install.services_stay_stopped():
        assert policy.read_bytes() == install.START_NOTHING
    assert not policy.exists()


def test_the_rule_of_the_machine_about_services_is_put_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("a rule of the machine")
    monkeypatch.setattr(install, "POLICY_FILE", policy)
    with pytest.raises(OSError, match="broken"), install.services_stay_stopped():
        raise OSError("broken")
    assert policy.read_text() == "a rule of the machine"

"""The folder that is ours beside the original's tree."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.ours import kept_secret
from tests.unit.storage.power import Power


def secret_of(root: Path) -> str:
    clock = SystemClock()
    return kept_secret(root, clock.token, clock.new_id)


def test_a_secret_is_made_once_and_then_kept(tmp_path: Path) -> None:
    first = secret_of(tmp_path)
    assert len(first) >= 32
    assert secret_of(tmp_path) == first


def test_two_storages_have_two_secrets(tmp_path: Path) -> None:
    assert secret_of(tmp_path / "one") != secret_of(tmp_path / "other")


def test_those_who_make_one_at_the_same_moment_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(secret_of, [tmp_path] * 32))
    assert len(secrets) == 1


def test_only_its_owner_reads_a_secret(tmp_path: Path) -> None:
    secret_of(tmp_path)
    assert S_IMODE((tmp_path / "layerstore").stat().st_mode) == 0o700
    assert S_IMODE((tmp_path / "layerstore" / "secret").stat().st_mode) == 0o600


def test_nothing_else_is_left_beside_a_secret(tmp_path: Path) -> None:
    secret_of(tmp_path)
    assert [file.name for file in (tmp_path / "layerstore").iterdir()] == ["secret"]


def test_a_secret_is_durable_with_its_folder_and_its_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch, tmp_path, "/var/registry/layerstore/secret")
    secret = secret_of(tmp_path / "var" / "registry")
    assert power.lazy() == secret.encode()


def test_a_secret_that_another_left_unsynced_is_durable_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = Power(monkeypatch, tmp_path, "/layerstore/secret")
    with monkeypatch.context() as patch:
        patch.setattr("layerstore.storage.ours._sync_folder", lambda _: None)
        secret = secret_of(tmp_path)
    assert power.lazy() is None
    assert secret_of(tmp_path) == secret
    assert power.lazy() == secret.encode()

"""The key that the registry signs schema 1 manifests with: given, kept, or made."""

from pathlib import Path
from stat import S_IMODE

import pytest

from layerstore.app.notaries import open_notary
from layerstore.config import Config, ConfigError
from layerstore.config.loading import load
from layerstore.oci.keys import private_key
from tests.fakes import FakeClock
from tests.unit.oci.signers import KINDS, edwards_pem, host

PLAIN = """\
version: 0.1
storage:
  {driver}
compatibility:
  schema1:
    enabled: true
"""


def configured(folder: Path, *, driver: str | None = None, key: Path | None = None) -> Config:
    file = folder / "config.yml"
    stored = driver or f"filesystem: {{rootdirectory: {folder / 'data'}}}"
    given = f"    signingkeyfile: {key}\n" if key else ""
    file.write_text(PLAIN.format(driver=stored) + given)
    return load(file, {}).config


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_from_a_file_is_the_one_that_signs(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(host(kind).as_pem())
    notary = open_notary(configured(tmp_path, key=file), FakeClock())
    assert notary.key.public == host(kind).public


@pytest.mark.parametrize("content", [None, b"", b"{}", edwards_pem()])
def test_a_file_without_a_key_is_a_wrong_configuration(
    content: bytes | None, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"compatibility\.schema1\.signingkeyfile: .*: \w+ \w+"):
        open_notary(configured(tmp_path, key=file), FakeClock())


def test_a_key_is_made_when_it_is_needed_and_then_kept(tmp_path: Path) -> None:
    config, file = configured(tmp_path), tmp_path / "data" / "layerstore" / "schema1-key"
    notary = open_notary(config, FakeClock())
    assert not file.exists()
    made = notary.key.public
    assert private_key(file.read_bytes()).public == made
    assert S_IMODE(file.stat().st_mode) == 0o600
    assert open_notary(config, FakeClock(seed=1)).key.public == made


def test_a_damaged_key_is_reported_and_replaced_for_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "data" / "layerstore" / "schema1-key"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"damaged")
    notary = open_notary(configured(tmp_path), FakeClock())
    assert notary.key is notary.key
    assert "is not kept" in caplog.text
    assert file.read_bytes() == b"damaged"


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_bytes(b"a file, no folder")
    assert open_notary(configured(tmp_path), FakeClock()).key.algorithm == "ES256"
    assert "is not kept" in caplog.text


def test_storage_in_memory_has_a_key_of_the_process(tmp_path: Path) -> None:
    config = configured(tmp_path, driver="inmemory: {}")
    one, other = (open_notary(config, FakeClock(seed)) for seed in (1, 2))
    assert one.key.public != other.key.public

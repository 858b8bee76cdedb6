"""`layerstore check` over a real object store: damage is found, put aside, and healed by a push."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from layerstore.clock import SystemClock
from layerstore.registry.paths import BlobData, Quarantined
from layerstore.storage.driver import PathNotFound
from layerstore.storage.s3.opened import open_s3
from layerstore.upkeep.check.findings import Kind
from tests.object_stores import S3Server
from tests.unit.registry.conftest import LAYER, push_blobs
from tests.unit.upkeep.check.conftest import Tree, digest

PROGRAM = Path(sys.executable).with_name("layerstore")
ROOT = "checked"


@pytest.fixture
def config(store: S3Server, tmp_path: Path) -> Path:
    path = tmp_path / "registry.yml"
    s3 = store.parameters(rootdirectory=f"/{ROOT}")
    path.write_text(yaml.safe_dump({"version": 0.1, "storage": {"s3": s3}}))
    return path


def check(config: Path, *words: str) -> tuple[int, set[str]]:
    """The exit status, and the kinds of what was found but for notes."""
    done = subprocess.run(
        [PROGRAM, "check", config, "--json", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == "", done.stderr
    *findings, _ = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, {each["kind"] for each in findings if each["severity"] != "note"}


async def test_a_damaged_blob_is_put_aside_and_healed(store: S3Server, config: Path) -> None:
    driver = open_s3(store.settings(root=ROOT), SystemClock())
    try:
        tree, data = Tree(driver, None), BlobData(digest(LAYER)).path
        await tree.fill()
        assert check(config) == (0, set())
        await tree.flip(data)
        assert check(config) == (1, {Kind.BAD_BYTES, Kind.MISSING_BLOB})
        assert check(config, "--repair")[0] == 1
        with pytest.raises(PathNotFound):
            await driver.stat(data)
        assert await driver.get(Quarantined(digest(LAYER), 1).path) != LAYER
        await push_blobs(tree.repository, LAYER)
        assert check(config) == (0, set())
    finally:
        await driver.close()

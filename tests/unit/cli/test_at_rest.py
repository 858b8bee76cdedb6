"""What the processes of a server load before anybody asks them for something."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

LOADED = "import {0}, sys; print(*sys.modules, sep='\\n')"

KEEPER_WITHOUT = (
    *("asyncio", "ssl", "msgspec", "dataclasses", "inspect", "typer", "yaml", "cryptography"),
    *("granian", "uvloop", "layerstore.config", "layerstore.app", "layerstore.storage"),
    *("layerstore.oci", "layerstore.api", "layerstore.auth", "layerstore.debug"),
)
WORKER_WITHOUT = (
    *("cryptography", "bcrypt", "yaml", "typer", "rich", "email", "http.client", "botocore"),
    *("aiohttp", "layerstore.config.loading", "layerstore.upkeep.check", "layerstore.debug"),
    *("layerstore.oci.keys", "layerstore.auth.token", "layerstore.storage.s3.bucket"),
    *("layerstore.app.clouds", "layerstore.storage.objects.driver", "layerstore.storage.gcs"),
)


def loaded_by(module: str) -> set[str]:
    """All modules that a new process has when it has imported this one."""
    command = [sys.executable, "-c", LOADED.format(module)]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("module", "without"),
    [("layerstore.cli.keeper", KEEPER_WITHOUT), ("layerstore.cli.worker", WORKER_WITHOUT)],
)
def test_a_process_at_rest_has_not_loaded_what_it_may_never_need(
    module: str, without: tuple[str, ...]
) -> None:
    loaded = loaded_by(module)
    assert module in loaded
    assert loaded.isdisjoint(without)


@pytest.mark.parametrize("name", sorted({*KEEPER_WITHOUT, *WORKER_WITHOUT}))
def test_what_is_left_out_exists(name: str) -> None:
    """A module that nobody has would be left out by everybody."""
    assert find_spec(name) is not None

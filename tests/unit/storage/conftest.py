from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.filesystem import FilesystemDriver
from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def on_any_disk(root: Path) -> FilesystemDriver:
    """A driver that trusts the disk with no more than POSIX promises."""
    return FilesystemDriver(root, SystemClock(), keeps_order=lambda _: False)


@pytest.fixture
def driver(root: Path) -> Iterator[FilesystemDriver]:
    with closing(on_any_disk(root)) as driver:
        yield driver


@pytest.fixture
def another(driver: FilesystemDriver, root: Path) -> Iterator[FilesystemDriver]:
    with closing(on_any_disk(root)) as another:
        yield another

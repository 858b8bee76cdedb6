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


@pytest.fixture
def driver(root: Path) -> Iterator[FilesystemDriver]:
    with closing(FilesystemDriver(root, SystemClock())) as driver:
        yield driver


@pytest.fixture
def another(driver: FilesystemDriver, root: Path) -> Iterator[FilesystemDriver]:
    with closing(FilesystemDriver(root, SystemClock())) as another:
        yield another

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from layerstore.clock import SystemClock
from layerstore.storage import beneath
from layerstore.storage.driver import StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from tests.contract.driver_suite import DriverSuite


class TestFilesystemDriver(DriverSuite):
    @pytest.fixture
    def open_place(self, tmp_path: Path) -> Iterator[Callable[[], StorageDriver]]:
        with ExitStack() as opened:

            def open_once_more() -> StorageDriver:
                driver = FilesystemDriver(tmp_path / "root", SystemClock())
                return opened.enter_context(closing(driver))

            yield open_once_more
        assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == []


class TestFilesystemDriverWhereTheSystemCannotResolveBeneath(TestFilesystemDriver):
    @pytest.fixture(autouse=True)
    def _old_system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(*_: object) -> int:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(beneath, "_openat2", missing)

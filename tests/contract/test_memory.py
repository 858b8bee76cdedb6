from collections.abc import Callable

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.driver import StorageDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver
from tests.contract.driver_suite import DriverSuite


class TestMemoryDriver(DriverSuite):
    @pytest.fixture
    def open_place(self) -> Callable[[], StorageDriver]:
        driver = MemoryDriver(SystemClock())
        return lambda: driver


class TestMeteredDriver(DriverSuite):
    @pytest.fixture
    def open_place(self) -> Callable[[], StorageDriver]:
        driver = MemoryDriver(SystemClock())
        return lambda: MeteredDriver(driver, SystemClock(), lambda driver, action, seconds: None)

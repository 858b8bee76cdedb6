import asyncio
from collections.abc import Callable, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.driver import StorageDriver
from layerstore.storage.gcs.opened import open_gcs
from layerstore.storage.gcs.settings import MIB
from tests.contract.cloud import CloudSuite
from tests.contract.object_store import PART
from tests.object_stores import GcsServer, gcs_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with gcs_server(tmp_path_factory.mktemp("gcs")) as server:
        yield server


class TestGcsDriver(CloudSuite):
    @pytest.fixture
    def open_place(self, store: GcsServer) -> Iterator[Callable[[], StorageDriver]]:
        settings = store.settings(
            root="/some/folder/", buffers=40 * MIB, part_bytes=PART, record_pause_s=0
        )
        yield lambda: open_gcs(settings, SystemClock(), environment=store.environment())
        assert asyncio.run(store.keys()) == []

import asyncio
from collections.abc import Callable, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.azure.opened import open_azure
from layerstore.storage.azure.settings import MIB
from layerstore.storage.driver import StorageDriver
from tests.contract.object_store import PART, ObjectStoreSuite
from tests.object_stores import AzureServer, azure_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server


class TestAzureDriver(ObjectStoreSuite):
    @pytest.fixture
    def open_place(self, store: AzureServer) -> Iterator[Callable[[], StorageDriver]]:
        settings = store.settings(
            root="/some/folder/",
            buffers=40 * MIB,
            part_bytes=PART,
            whole_copy_bytes_max=2 * PART,
            copied_part_bytes=PART,
        )
        yield lambda: open_azure(settings, SystemClock())
        assert asyncio.run(store.keys()) == []

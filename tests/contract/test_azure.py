import asyncio
from collections.abc import Callable, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.azure.opened import open_azure
from layerstore.storage.azure.settings import MIB
from layerstore.storage.driver import StorageDriver
from tests.contract.cloud import CloudSuite
from tests.contract.content import BrokenOff, breaking_off, upload
from tests.contract.object_store import PART
from tests.contract.unfinished import PATH
from tests.object_stores import AzureServer, azure_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with azure_server(tmp_path_factory.mktemp("azure")) as server:
        yield server


class TestAzureDriver(CloudSuite):
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

    @pytest.mark.parametrize("content", [b"", b"appended by another program"], ids=len)
    async def test_a_blob_of_another_type_is_replaced_or_left_whole(
        self, store: AzureServer, driver: StorageDriver, content: bytes
    ) -> None:
        await append_blob(store, "some/folder/blobs/data", content)
        assert await driver.get("/blobs/data") == content
        with pytest.raises(BrokenOff):
            await driver.put("/blobs/data", breaking_off(bytes(2 * PART)))
        assert await driver.get("/blobs/data") == content
        for path in ("/blobs/data", "/blobs/other"):
            await append_blob(store, f"some/folder{path}", content)
        await driver.put("/blobs/data", b"put")
        await upload(driver, PATH, b"moved")
        await driver.move(PATH, "/blobs/other", 5)
        assert await driver.get("/blobs/data") == b"put"
        assert await driver.get("/blobs/other") == b"moved"


async def append_blob(store: AzureServer, key: str, content: bytes) -> None:
    await store.ask("DELETE", key)
    kind = {"x-ms-blob-type": "AppendBlob"}
    assert (await store.ask("PUT", key, headers=kind)).status == 201
    if content:
        query = [("comp", "appendblock")]
        assert (await store.ask("PUT", key, query=query, body=content)).status == 201

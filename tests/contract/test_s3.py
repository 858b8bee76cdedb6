import asyncio
from collections.abc import Callable, Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.storage.driver import StorageDriver
from layerstore.storage.s3.opened import open_bucket, open_s3
from layerstore.storage.s3.settings import MIB
from tests.contract.object_store import PART, ObjectStoreSuite
from tests.object_stores import S3Server, s3_server


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


class TestS3Driver(ObjectStoreSuite):
    @pytest.fixture
    def open_place(self, store: S3Server) -> Iterator[Callable[[], StorageDriver]]:
        settings = store.settings(
            root="/some/folder/",
            buffers=40 * MIB,
            part_bytes=PART,
            whole_copy_bytes_max=2 * PART,
            copied_part_bytes=PART,
        )
        yield lambda: open_s3(settings, SystemClock())
        assert asyncio.run(_what_costs(store)) == []


async def _what_costs(store: S3Server) -> list[str]:
    """The keys that are left; a bucket without any has no multipart upload either."""
    bucket = open_bucket(store.settings(), SystemClock())
    return [item.key for item in (await bucket.page("")).objects]

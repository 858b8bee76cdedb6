"""A registry on a real S3 server, with connections that can be counted and broken."""

from collections.abc import Iterator

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.repository import Repository
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.s3.opened import open_s3
from tests.meddling import MeddlingClient
from tests.object_stores import S3Server, s3_server
from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def client() -> MeddlingClient:
    return MeddlingClient()


@pytest.fixture
def driver(
    store: S3Server, client: MeddlingClient, request: pytest.FixtureRequest
) -> ObjectStoreDriver:
    """On a folder of the bucket that no other test uses."""
    root = f"test-{abs(hash(request.node.nodeid))}"
    return open_s3(store.settings(root=root), SystemClock(), client)


@pytest.fixture
def registry(driver: ObjectStoreDriver) -> LocalRegistry:
    return LocalRegistry(driver, ProcessLocks(), SystemClock())


@pytest.fixture
def repository(registry: LocalRegistry) -> Repository:
    return registry.repository(Name("library/alpine"))

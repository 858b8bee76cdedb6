"""The server that wire tests ask, and a stocked repository in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.running import pytest_pyfunc_call
from tests.servers import layerstore_server
from tests.wire.client import SocketWire, Wire
from tests.wire.stock import Stock

__all__ = ["pytest_pyfunc_call"]

WORKERS = 2
"""So that one request of a story is answered here, the next one there; in memory it is one."""

STORAGES: Mapping[str, Mapping[str, Any]] = {
    "filesystem": {},
    "inmemory": {"filesystem": None, "inmemory": {}},
}
_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=STORAGES)
def wire(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SocketWire]:
    """`layerstore serve` with the settings of a test server, on either storage."""
    root = tmp_path_factory.mktemp("wire") / "storage"
    config = {"storage": STORAGES[request.param]}
    workers = WORKERS if request.param == "filesystem" else 1
    with layerstore_server(root, config=config, workers=workers) as server:
        yield SocketWire(server.host)


@pytest.fixture(scope="session")
def stock(wire: Wire) -> Stock:
    """A repository with one of everything, which tests only read."""
    return Stock(wire, "stock/of-everything")


@pytest.fixture
def repo() -> str:
    """The name of a repository that nobody else uses."""
    return f"wire/own-{next(_numbers)}"

"""The server that wire tests ask, and a stocked repository in it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest

from tests.running import pytest_pyfunc_call
from tests.unit.api.direct import DirectWire
from tests.wire.client import Wire
from tests.wire.stock import Stock

__all__ = ["pytest_pyfunc_call"]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    with asyncio.Runner() as runner:
        yield DirectWire(runner)


@pytest.fixture(scope="session")
def stock(wire: Wire) -> Stock:
    """A repository with one of everything, which tests only read."""
    return Stock(wire, "stock/of-everything")


@pytest.fixture
def repo() -> str:
    """The name of a repository that nobody else uses."""
    return f"wire/own-{next(_numbers)}"

"""Tests of this folder may be `async def`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crash_points import quick_folder
from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is such a disk."""
    with quick_folder(tmp_path) as folder:
        yield folder

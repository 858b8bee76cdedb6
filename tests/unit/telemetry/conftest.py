"""Tests of this folder may be `async def`."""

from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

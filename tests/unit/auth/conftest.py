"""Async tests of the room run, each in an event loop of its own."""

from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

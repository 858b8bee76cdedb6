"""What the tests of this folder run with."""

from tests.running import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]

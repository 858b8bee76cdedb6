"""What the tests of this folder run with."""

from tests.running import pytest_pyfunc_call
from tests.settings.stores import sent

__all__ = ["pytest_pyfunc_call", "sent"]

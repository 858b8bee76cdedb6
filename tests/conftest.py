"""What holds for all tests."""

from hypothesis import settings

from tests.faults.counts import counted, pytest_terminal_summary

__all__ = ["counted", "pytest_terminal_summary"]

# How long one example takes says how busy the machine is, not whether the code is right.
settings.register_profile("layerstore", deadline=None, print_blob=True)
settings.load_profile("layerstore")

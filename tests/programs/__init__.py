"""The outside programs that the tests drive: what they are, where they are, how to get them."""

from tests.programs.finding import find, need

__all__ = ["find", "need"]

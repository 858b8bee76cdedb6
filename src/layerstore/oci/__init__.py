"""The vocabulary that all rooms share: pure values, no I/O, no async."""

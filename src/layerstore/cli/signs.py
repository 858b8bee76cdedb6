"""What tells that a file was replaced or written to, without reading it."""

import os
from collections.abc import Iterable

Signs = dict[str, tuple[int, int, int]]
"""By the file's path: its number, its size, and when it was written."""


def signs_of(paths: Iterable[str]) -> Signs:
    """Those of the files as they are now; a missing one has a sign, too."""
    return {path: _sign(path) for path in paths}


def _sign(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116  # a text from the configuration, looked at often
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns

"""The system calls below the filesystem driver, of which one can be made to fail, or all cut short.

A stand-in takes the place of `os`, `fcntl` and openat2 in the modules that touch the storage, and
nowhere else. What fails has not happened, but for `close`, which lets go of its number whatever it
says (close(2)).
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Callable
from typing import Any, Final

import pytest

from layerstore.registry import locks
from layerstore.storage import beneath, durable, filesystem, incoming, ordering, unfinished
from layerstore.web import files

MODULES: Final = (beneath, durable, filesystem, incoming, ordering, unfinished, locks, files)

CALLS: Final = frozenset(
    [
        "close",
        "dup",
        "fdatasync",
        "fsync",
        "fstat",
        "lstat",
        "mkdir",
        "open",
        "pread",
        "preadv",
        "pwrite",
        "read",
        "rename",
        "scandir",
        "unlink",
    ]
)
OPENAT2: Final = "openat2"
WRITING: Final = frozenset({"fdatasync", "fsync", "mkdir", "open", "pwrite", "rename", "unlink"})

POSSIBLE: Final = {
    errno.EINTR: frozenset({OPENAT2}),  # the interpreter repeats all others by itself (PEP 475)
    errno.EMFILE: frozenset({"dup", "open", OPENAT2, "scandir"}),
    errno.ENFILE: frozenset({"dup", "open", OPENAT2, "scandir"}),
    errno.EROFS: frozenset({"mkdir", "open", OPENAT2, "pwrite", "rename", "unlink"}),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), WRITING),
}
"""The calls that an error is known of; any other error may come from each of them."""


class FailingCalls:
    """Counts calls; the one with the number `fail_at` fails by `error`, from 1 on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.failed = ""
        self.writes_at_most: int | None = None
        self._fail_at = 0
        self._error = 0
        for module in MODULES:
            for name, kind in (("os", os), ("fcntl", fcntl), ("io", io)):
                if hasattr(module, name):
                    patch.setattr(module, name, _StandIn(kind, self))
        patch.setattr(beneath, "_openat2", self.watched(OPENAT2, beneath._openat2))

    def fail(self, at: int, error: int) -> None:
        """Let that call fail, counted from now on."""
        self.count, self.failed, self._fail_at, self._error = 0, "", at, error

    def cease(self) -> None:
        """Let no call fail any more."""
        self._fail_at = 0

    def watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **more: Any) -> Any:
            if self._is_next(name):
                if name == "close":
                    call(*args, **more)
                raise OSError(self._error, os.strerror(self._error))
            if name == "pwrite" and self.writes_at_most is not None:
                file, content, at = args
                return call(file, content[: self.writes_at_most], at)
            return call(*args, **more)

        return made

    def _is_next(self, name: str) -> bool:
        if name not in POSSIBLE.get(self._error, CALLS | {OPENAT2, "flock", "readall"}):
            return False
        self.count += 1
        if self.count != self._fail_at:
            return False
        self.failed = name
        return True


class _StandIn:
    """A module of which some functions are watched."""

    def __init__(self, module: Any, calls: FailingCalls) -> None:
        self._module = module
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if self._module is io and name == "FileIO":
            return _watched_file(self._calls)
        is_watched = name in CALLS if self._module is os else name == "flock"
        return self._calls.watched(name, found) if is_watched else found


def _watched_file(calls: FailingCalls) -> type[io.FileIO]:
    class Watched(io.FileIO):
        def readall(self) -> bytes:
            read: bytes = calls.watched("readall", super().readall)()
            return read

    return Watched

"""A file that an operator may change at any time, always at hand in its last good version."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from layerstore.auth.access import AuthorityUnusable

T = TypeVar("T")

_log = logging.getLogger(__name__)


class _Version(NamedTuple):
    """What tells one version of a file from another without reading it."""

    modified_ns: int
    size: int
    inode: int


class WatchedFile(Generic[T]):
    """What a file says, read again whenever it was changed or replaced.

    `setting` is the key that names it. `parse` raises ValueError, with a sentence, for content
    that it cannot take. The first version has to be good: AuthorityUnusable. A later one that is
    not, or a file that is gone, leaves the last good version in force and is logged once.
    `changes` counts the good versions after the first.
    """

    def __init__(
        self, setting: str, path: Path, parse: Callable[[bytes], T], *, bytes_max: int
    ) -> None:
        self._path = path
        self._parse = parse
        self._bytes_max = bytes_max
        try:
            self._version: _Version | None = self._present()
            self._value = self._read()
            self.changes = 0
        except (OSError, ValueError) as error:
            raise AuthorityUnusable(f"{setting}: {path}: {_reason(error)}") from error

    def value(self) -> T:
        """What the last good version says."""
        version = self._version
        try:
            version = self._present()
            if version != self._version:
                self._value = self._read()
                self.changes += 1
                _log.info("%s was changed and is read again", self._path)
        except (OSError, ValueError) as error:
            version = None if isinstance(error, OSError) else version
            if version != self._version:
                _log.error("%s: %s; what it said before stays", self._path, _reason(error))
        self._version = version
        return self._value

    def _present(self) -> _Version:
        status = self._path.stat()
        return _Version(status.st_mtime_ns, status.st_size, status.st_ino)

    def _read(self) -> T:
        with self._path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > self._bytes_max:
                raise ValueError(f"larger than {self._bytes_max} bytes")
            return self._parse(file.read(self._bytes_max))


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)

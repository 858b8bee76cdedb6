"""Who does the upkeep: one process of all that share a storage folder.

A lock on a file decides, and a process that dies holds none. Nothing of a duty is known here.
"""

import fcntl
import os
from pathlib import Path
from typing import Final

_OWN_MODE: Final = 0o700
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Post:
    """Held by at most one process, for as long as that lives or until it leaves.

    Those that see no common file do not know of each other, and without a file everybody holds it.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Whether this process holds it from now on. Waits for nobody. Raises OSError."""
        if self._file is None or self._descriptor is not None:
            return True
        self._file.parent.mkdir(mode=_OWN_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self._file, _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._descriptor = descriptor
        return True

    def leave(self) -> None:
        """Let another process have it; once more is no error."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

"""Files in the parent's private folder, which may hold secrets."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Make a new file that only this user reads. Raises FileExistsError, OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)

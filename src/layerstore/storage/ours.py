"""The folder `layerstore/` below a storage root: what is ours and no Go registry looks at.

Small local files that every process on this storage shares. Nothing of a repository's content
stands here; without the folder nothing is lost but sessions in progress.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

SECRET_BYTES: Final = 32
"""Bytes of a secret that is made."""

_OWN_MODE: Final = 0o700


def own_folder(root: Path) -> Path:
    """The folder, made if it was absent, which only this user can enter. Raises OSError."""
    folder = root / "layerstore"
    folder.mkdir(mode=_OWN_MODE, parents=True, exist_ok=True)
    return folder


def kept_secret(root: Path, new_secret: Callable[[int], bytes], new_id: Callable[[], str]) -> str:
    """The secret that all processes on this storage share: made once, then read.

    The first of several who make one at the same moment wins. Raises OSError.
    """
    path = own_folder(root) / "secret"
    with suppress(FileNotFoundError):
        return _read(path)
    draft = path.with_name(f"secret.{UUID(new_id())}.tmp")
    _write(draft, new_secret(SECRET_BYTES).hex().encode())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return _read(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

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

from layerstore.storage.beneath import make_root
from layerstore.storage.durable import write_all

SECRET_BYTES: Final = 32
"""Bytes of a secret that is made."""

SCHEMA1_KEY: Final = "schema1-key"
"""The file with the key that this registry signs schema 1 manifests by."""

OWN_FOLDER: Final = "layerstore"
"""The name of our folder below a storage root."""

_OWN_MODE: Final = 0o700
_WRITE: Final = os.W_OK | os.X_OK


def own_folder(root: Path) -> Path:
    """The folder, made if it was absent, which only this user can enter. Raises OSError."""
    make_root(root)
    folder = root / OWN_FOLDER
    folder.mkdir(mode=_OWN_MODE, exist_ok=True)
    return folder


def unwritable(root: Path) -> Path | None:
    """The first of the folders that every push writes in where this process may not write.

    None where it may, and where a folder is not there yet.
    """
    content = _content(root)
    folders = (root, content, content / "blobs", content / "repositories")
    return next((one for one in folders if _may(one, os.F_OK) and not _may(one, _WRITE)), None)


def leading_out(root: Path) -> Path | None:
    """The first of the folders above all content that is a symbolic link out of `root`; or None.

    Nothing below it would be found, for no such link is followed (`beneath.py`).
    """
    content, inside = _content(root), Path(os.path.realpath(root))
    blobs = content / "blobs"
    above = (*reversed(content.parents[:2]), content)
    folders = (*above, blobs, blobs / "sha256", blobs / "sha512", content / "repositories")
    outside = (one for one in folders if not Path(os.path.realpath(one)).is_relative_to(inside))
    return next(outside, None)


def is_ours(root: Path) -> bool:
    """Whether what this process makes there will not be in the way of whoever made the rest.

    It is not where it may not write, nor as another user than the one to whom the content belongs.
    """
    content = _content(root)
    owner = (content if content.is_dir() else root).stat().st_uid
    return unwritable(root) is None and owner == os.geteuid()


def is_readable(root: Path) -> bool:
    """Whether this process may look into our folder; where there is none it may."""
    folder = root / "layerstore"
    return not _may(folder, os.F_OK) or _may(folder, os.R_OK | os.X_OK)


def _content(root: Path) -> Path:
    return root / "docker" / "registry" / "v2"


def _may(folder: Path, what: int) -> bool:
    return os.access(folder, what, effective_ids=True)


def kept_secret(root: Path, new_secret: Callable[[int], bytes], new_id: Callable[[], str]) -> str:
    """The secret that all processes on this storage share, as text. Raises OSError."""
    content = kept(root, "secret", lambda: new_secret(SECRET_BYTES).hex().encode(), new_id)
    return content.decode("ascii").strip()


def kept(root: Path, name: str, make: Callable[[], bytes], new_id: Callable[[], str]) -> bytes:
    """What the file of that name in our folder holds: made once, then read, for this user only.

    The first of several who make it at the same moment wins; it is durable, whoever made it, when
    this returns. Raises OSError.
    """
    path = own_folder(root) / name
    if not path.exists():
        _make_once(path, make, new_id)
    _sync_folder(path.parent)
    _sync_folder(root)
    return path.read_bytes()


def _make_once(path: Path, make: Callable[[], bytes], new_id: Callable[[], str]) -> None:
    draft = path.with_name(f"{path.name}.{UUID(new_id())}.tmp")
    _write(draft, make())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

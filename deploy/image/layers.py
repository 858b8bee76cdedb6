"""A folder becomes a layer of an image: the same bytes on every machine and at any time."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LEVEL: Final = 6
_MODES: Final = {True: 0o755, False: 0o644}
"""Of files that somebody may execute, and of those that nobody may."""


@dataclass(frozen=True)
class Layer:
    """`unpacked` is the digest of the archive before its compression."""

    content: bytes
    unpacked: str

    @property
    def digest(self) -> str:
        return sha256(self.content)


@dataclass(frozen=True)
class Owned:
    """A folder that is not root's, or not for everybody to read."""

    owner: int
    mode: int


ROOT: Final = Owned(0, 0o755)


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer(folder: Path, epoch: int, folders: Mapping[str, Owned] | None = None) -> Layer:
    """All that is below `folder`. `folders` names those that are not root's, by their path."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _below(folder):
            name = path.relative_to(folder).as_posix()
            _add(tar, path, name, epoch, (folders or {}).get(name, ROOT))
    unpacked = archive.getvalue()
    return Layer(gzip.compress(unpacked, _LEVEL, mtime=0), sha256(unpacked))


def _below(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.rglob("*"), key=lambda path: path.parts))


def _add(tar: tarfile.TarFile, path: Path, name: str, epoch: int, owned: Owned) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.uid, entry.gid = epoch, owned.owner, owned.owner
    if path.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        tar.addfile(entry)
    elif path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, owned.mode
        tar.addfile(entry)
    else:
        content = path.read_bytes()
        entry.size, entry.mode = len(content), _MODES[bool(path.stat().st_mode & 0o111)]
        tar.addfile(entry, io.BytesIO(content))

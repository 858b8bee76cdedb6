"""What no failure may leave in a storage folder; read from the files alone, by no code of ours.

`half_written` names what a later request could take for content; `left_over` what nobody can, but
takes room.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

_DATA = re.compile(r"docker/registry/v2/blobs/(\w+)/[0-9a-f]{2}/([0-9a-f]+)/data")
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def half_written(root: Path) -> list[str]:
    """Blobs whose bytes do not fit their digest, links that are none, links that lead nowhere.

    Nobody looks into our own folder for content.
    """
    return [
        reason
        for path, name in _files(root)
        if not name.startswith("layerstore/")
        for reason in _wrong(root, path, name)
    ]


def left_over(root: Path) -> list[str]:
    """Temporaries: files that were on their way to a name and did not get it.

    What lies in the trash is no such file: upkeep empties it.
    """
    return [
        name
        for _, name in _files(root)
        if name.endswith(".tmp") or name.startswith("layerstore/incoming/")
    ]


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for path in root.rglob("*"):
        if path.is_file():
            yield path, str(path.relative_to(root))


def _wrong(root: Path, path: Path, name: str) -> Iterator[str]:
    blob = _DATA.fullmatch(name)
    if blob is not None:
        if hashlib.new(blob[1], path.read_bytes()).hexdigest() != blob[2]:
            yield f"{name}: other bytes"
    elif path.name == "link":
        content = path.read_bytes()
        if not _DIGEST.fullmatch(content):
            yield f"{name}: no digest: {content!r}"
        elif not _blob(root, content.decode()).exists():
            yield f"{name}: leads to {content.decode()}, which is not there"


def _blob(root: Path, digest: str) -> Path:
    algorithm, _, letters = digest.partition(":")
    return root / f"docker/registry/v2/blobs/{algorithm}/{letters[:2]}/{letters}/data"

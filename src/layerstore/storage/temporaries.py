"""Temporary files whose writers died before they had renamed them; blocking, for threads.

`<name>.<uuid>.tmp` stands beside its place only while one file is replaced, which takes no longer
than it takes to sync it. One that was last written long ago is nobody's. Nothing tells of them but
a look into every folder: so it is done a folder at a time, and whoever looks may rest in between.
"""

import os
import re
import stat
from collections.abc import Iterator
from typing import Final

from layerstore.storage.beneath import Tree

TEMPORARY: Final = re.compile(r".+\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp")
"""How a file is called until it is renamed to its place."""


def sweep(tree: Tree, folder: str, before: float) -> Iterator[int]:
    """Remove those below a folder that were last written before that moment (Unix time).

    Each step looks into one folder more and gives how many were removed there. Links are not
    followed; what cannot be looked into or removed is passed over.
    """
    try:
        opened = tree.folder(folder)
    except FileNotFoundError:
        return
    with opened as top:
        for _, _, names, here in os.fwalk(".", dir_fd=top):
            left = [name for name in names if TEMPORARY.fullmatch(name)]
            yield sum([_is_swept(here, name, before) for name in left])


def _is_swept(folder: int, name: str, before: float) -> bool:
    try:
        found = os.lstat(name, dir_fd=folder)
        if not stat.S_ISREG(found.st_mode) or found.st_mtime >= before:
            return False
        os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    return True

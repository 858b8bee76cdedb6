"""What a disk would hold if the power failed at any moment, judged by the strictest rules.

Watches the calls of the running process. Two disks are imagined. The lazy one keeps a name only
when its folder was synced, and bytes only when their file was. The eager one keeps every name at
once, but bytes still only when synced: so a rename before the sync of the bytes shows.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Content = bytes | None


class Power:
    """Follows one path below a root through everything that happens from now on."""

    def __init__(self, patch: pytest.MonkeyPatch, root: Path, path: str) -> None:
        self._root = root
        self._path = path
        self._names: dict[int, dict[str, int]] = {}
        self._bytes: dict[int, bytes] = {}
        self._list = os.scandir
        self._keep_all(root)
        self.seen: set[Content] = {self.lazy()}
        for call in ("fsync", "fdatasync"):
            patch.setattr(os, call, self._syncing(getattr(os, call)))
        for call in ("rename", "unlink", "mkdir", "pwrite"):
            patch.setattr(os, call, self._watching(getattr(os, call)))
        patch.setattr(os, "open", self._opening(os.open))

    def _keep_all(self, folder: Path) -> None:
        """What is there at the beginning has been there for long."""
        if not folder.exists():
            return
        self._names[folder.stat().st_ino] = {
            entry.name: entry.stat().st_ino for entry in folder.iterdir()
        }
        for entry in folder.iterdir():
            if entry.is_dir():
                self._keep_all(entry)
            else:
                self._bytes[entry.stat().st_ino] = entry.read_bytes()

    def _syncing(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def sync(file: int) -> None:
            call(file)
            self._keep(file)
            self._look()

        return sync

    def _keep(self, file: int) -> None:
        at = Path(f"/proc/self/fd/{file}")
        inode = os.fstat(file).st_ino
        if at.is_dir():
            with self._list(at) as entries:
                self._names[inode] = {entry.name: entry.inode() for entry in entries}
        else:
            self._bytes[inode] = at.read_bytes()

    def _watching(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **more: Any) -> Any:
            result = call(*args, **more)
            self._look()
            return result

        return watched

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        """A new file or folder may get the number of one that is gone."""

        def opened(*args: Any, **more: Any) -> int:
            file = call(*args, **more)
            if args[1] & os.O_EXCL:
                self._bytes.pop(os.fstat(file).st_ino, None)
            return file

        return opened

    def _look(self) -> None:
        self.seen |= {self.lazy(), self.eager()}

    def lazy(self) -> Content:
        """What a disk that keeps as little as it may would hold at the path."""
        inode = self._root.stat().st_ino
        for name in self._path.strip("/").split("/"):
            found = self._names.get(inode, {}).get(name)
            if found is None:
                return None
            inode = found
        return self._bytes.get(inode, b"")

    def eager(self) -> Content:
        """What a disk that keeps names before bytes would hold at the path."""
        try:
            inode = (self._root / self._path[1:]).stat().st_ino
        except OSError:
            return None
        return self._bytes.get(inode, b"")

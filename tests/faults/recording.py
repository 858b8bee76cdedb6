"""What a process really does to the files below one folder, call by call.

The recorder stands between the program and `os`: every call that changes files or syncs them is
carried out and noted, in the order in which it was carried out, with the place in the code that
made it. A call that could change files and is not understood is refused, so that nothing happens
unseen; `test_crash_record.py` compares the notes with what the kernel saw. A recorder can also end
the process, as far as files are concerned: from the n-th call on nothing is carried out any more.
"""

from __future__ import annotations

import ctypes
import linecache
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, NamedTuple, Self, TypeAlias

ROOT: Final = 0
"""The number of the folder that is watched; what is made below it is numbered from 1."""

_SOURCE: Final = f"{os.sep}layerstore{os.sep}"
_NOT_UNDERSTOOD: Final = (
    "writev",
    "pwritev",
    "sendfile",
    "splice",
    "copy_file_range",
    "posix_fallocate",
    "symlink",
    "mkfifo",
    "sync",
)


class Made(NamedTuple):
    """A file or folder came into a folder."""

    folder: int
    name: str
    number: int
    is_folder: bool
    site: str


class Written(NamedTuple):
    """Bytes were written into a file."""

    number: int
    at: int
    content: bytes
    site: str


class Cut(NamedTuple):
    """A file was brought to a size."""

    number: int
    size: int
    site: str


class Renamed(NamedTuple):
    """A name went elsewhere, over what was there."""

    folder: int
    name: str
    to_folder: int
    to_name: str
    site: str


class Linked(NamedTuple):
    """A file got one more name."""

    number: int
    folder: int
    name: str
    site: str


class Removed(NamedTuple):
    """A name was taken out of a folder."""

    folder: int
    name: str
    site: str


class Synced(NamedTuple):
    """A file or folder was synced; `number` None: everything was."""

    number: int | None
    site: str


class Noted(NamedTuple):
    """Nothing happened to a file: a remark of the test, in its place."""

    remark: Any
    site: str = ""


Event: TypeAlias = Made | Written | Cut | Renamed | Linked | Removed | Synced | Noted


class Ended(BaseException):
    """The process that would make this call is over."""


class Recorder:
    """Notes everything that happens below `root`, which is empty, while its `with` block lasts."""

    def __init__(self, root: Path) -> None:
        self.events: list[Event] = []
        self.calls = 0
        self._root = root
        self._ends_at: int | None = None
        self._lock = threading.RLock()
        self._numbers: dict[tuple[int, int], int] = {}
        self._next = ROOT
        self._patched: list[tuple[object, str, Any]] = []

    def __enter__(self) -> Self:
        assert not list(self._root.iterdir())
        self._number_of_new(self._root.stat())
        for name in ("open", "write", "pwrite", "truncate", "ftruncate", "link", "mkdir"):
            self._patch(os, name, getattr(self, f"_{name}"))
        for name in ("fsync", "fdatasync"):
            self._patch(os, name, self._fsync)
        for name in ("rename", "replace"):
            self._patch(os, name, self._rename)
        for name in ("unlink", "remove", "rmdir"):
            self._patch(os, name, self._remove)
        for name in _NOT_UNDERSTOOD:
            self._patch(os, name, _refusing(name))
        for library in _c_libraries():
            self._patch(library, "syncfs", self._syncfs)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for owner, name, call in reversed(self._patched):
            setattr(owner, name, call)

    def _patch(self, owner: object, name: str, watching: Callable[..., Any]) -> None:
        call = getattr(owner, name)
        self._patched.append((owner, name, call))

        def watched(*args: Any, **more: Any) -> Any:
            with self._lock:
                return watching(call, *args, **more)

        setattr(owner, name, watched)

    def note(self, remark: Any) -> None:
        """Put a remark between what was done before and what is done from now on."""
        with self._lock:
            self.events.append(Noted(remark))

    @contextmanager
    def ending_at(self, call: int) -> Iterator[None]:
        """Let the process be over before its call of that number, counted from here, from 0."""
        self._ends_at = self.calls + call
        try:
            yield
        finally:
            self._ends_at = None

    def _live(self) -> None:
        if self._ends_at is not None and self.calls >= self._ends_at:
            raise Ended
        self.calls += 1

    def _number_of_new(self, found: os.stat_result) -> int:
        number = self._next
        self._numbers[found.st_dev, found.st_ino] = number
        self._next += 1
        return number

    def _number(self, found: os.stat_result) -> int | None:
        return self._numbers.get((found.st_dev, found.st_ino))

    def _place(self, path: Any, folder: int | None) -> tuple[int, str] | None:
        """The number of the folder, and the name in it; None for a path elsewhere."""
        if isinstance(path, int):
            return None
        above, name = os.path.split(os.fspath(path))
        try:
            found = os.stat(above or ".", dir_fd=folder) if above or folder is None else None
            number = self._number(found or os.fstat(folder or 0))
        except OSError:
            return None
        return None if number is None else (number, name)

    def _open(
        self,
        call: Callable[..., int],
        path: Any,
        flags: int,
        mode: int = 0o777,
        *,
        dir_fd: int | None = None,
    ) -> int:
        place = self._place(path, dir_fd) if flags & (os.O_CREAT | os.O_TRUNC) else None
        if place is None:
            return call(path, flags, mode, dir_fd=dir_fd)
        is_new = not _is_there(path, dir_fd)
        if is_new or flags & os.O_TRUNC:
            self._live()
        file = call(path, flags, mode, dir_fd=dir_fd)
        number = self._number(os.fstat(file))
        if is_new:
            number = self._number_of_new(os.fstat(file))
            self.events.append(Made(*place, number, False, _site()))
        elif flags & os.O_TRUNC and number is not None:
            self.events.append(Cut(number, 0, _site()))
        return file

    def _write(self, call: Callable[..., int], file: int, content: Any) -> int:
        number = self._number(os.fstat(file))
        if number is None:
            return call(file, content)
        at = os.lseek(file, 0, os.SEEK_CUR)
        return self._written(number, at, content, lambda: call(file, content))

    def _pwrite(self, call: Callable[..., int], file: int, content: Any, at: int) -> int:
        number = self._number(os.fstat(file))
        if number is None:
            return call(file, content, at)
        return self._written(number, at, content, lambda: call(file, content, at))

    def _written(self, number: int, at: int, content: Any, write: Callable[[], int]) -> int:
        self._live()
        size = write()
        self.events.append(Written(number, at, bytes(content[:size]), _site()))
        return size

    def _truncate(self, call: Callable[..., None], path: Any, size: int) -> None:
        self._cut(self._number(Path(path).stat()), size, lambda: call(path, size))

    def _ftruncate(self, call: Callable[..., None], file: int, size: int) -> None:
        self._cut(self._number(os.fstat(file)), size, lambda: call(file, size))

    def _cut(self, number: int | None, size: int, cut: Callable[[], None]) -> None:
        if number is not None:
            self._live()
            self.events.append(Cut(number, size, _site()))
        cut()

    def _mkdir(
        self, call: Callable[..., None], path: Any, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> None:
        place = self._place(path, dir_fd)
        if place is not None and not _is_there(path, dir_fd):
            self._live()
        call(path, mode, dir_fd=dir_fd)
        if place is not None:
            number = self._number_of_new(os.stat(path, dir_fd=dir_fd))
            self.events.append(Made(*place, number, True, _site()))

    def _rename(
        self,
        call: Callable[..., None],
        source: Any,
        target: Any,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:
        origin, goal = self._place(source, src_dir_fd), self._place(target, dst_dir_fd)
        if origin is None and goal is None:
            call(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            return
        assert origin is not None, "nothing comes in from elsewhere"
        assert goal is not None, "nothing goes elsewhere"
        self._live()
        call(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        self.events.append(Renamed(*origin, *goal, _site()))

    def _link(self, call: Callable[..., None], source: Any, target: Any, **more: Any) -> None:
        place = self._place(target, more.get("dst_dir_fd"))
        number = self._number(os.stat(source, dir_fd=more.get("src_dir_fd")))
        if place is None or number is None:
            call(source, target, **more)
            return
        self._live()
        call(source, target, **more)
        self.events.append(Linked(number, *place, _site()))

    def _remove(self, call: Callable[..., None], path: Any, *, dir_fd: int | None = None) -> None:
        place = self._place(path, dir_fd)
        if place is not None and _is_there(path, dir_fd):
            self._live()
        call(path, dir_fd=dir_fd)
        if place is not None:
            self.events.append(Removed(*place, _site()))

    def _fsync(self, call: Callable[..., None], file: int) -> None:
        number = self._number(os.fstat(file))
        if number is None:
            call(file)
            return
        self._live()
        call(file)
        self.events.append(Synced(number, _site()))

    def _syncfs(self, call: Callable[..., int], file: Any) -> int:
        self._live()
        result = call(file)
        if result == 0:
            self.events.append(Synced(None, _site()))
        return result


def _c_libraries() -> list[ctypes.CDLL]:
    """Every door to the C library that the storage room has opened."""
    return [
        value
        for name, module in sorted(sys.modules.items())
        if name.startswith("layerstore.storage")
        for value in vars(module).values()
        if isinstance(value, ctypes.CDLL)
    ]


def _refusing(name: str) -> Callable[..., None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError(f"os.{name} is not understood by the recorder")

    return refuse


def _is_there(path: Any, folder: int | None) -> bool:
    try:
        os.stat(path, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _site() -> str:
    """The innermost line of ours that led here, as it is written, with its function."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _SOURCE not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return "elsewhere"
    code = frame.f_code
    line = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return f"{Path(code.co_filename).stem}.{code.co_qualname}: {line}"


def tree_below(root: Path) -> dict[str, bytes | None]:
    """What is there now: the content of each file, None for a folder."""
    return {
        f"/{path.relative_to(root)}": path.read_bytes() if stat.S_ISREG(mode) else None
        for path in root.rglob("*")
        for mode in [path.lstat().st_mode]
    }

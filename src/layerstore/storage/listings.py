"""The names in large folders, in order, kept for as long as a folder does not change.

Ordering the names of a folder takes a look at all of them, which for a page of 100 out of 100,000
tags is nearly all the work. What was ordered once is good until the folder's own times, size or
count of links change, and the folder is asked for these each time: what is kept never answers in
its place. A folder that changed a moment ago is not kept, for it may change again within the same
tick of its clock; nor is one on another machine, whose clock ticks as it likes.
"""

import os
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Final, NamedTuple

from layerstore.storage import ordering
from layerstore.storage.beneath import ABSENT, Tree

KEPT_FROM: Final = 1_000
"""Names in a folder that is worth keeping."""

KEPT_NAMES_MAX: Final = 150_000
"""Names kept in all, some 10 MiB; a folder with more is looked through each time."""

SETTLED_S: Final = 2.0
"""Seconds for which a folder must not have changed; clocks of file systems tick within 10 ms."""


class _Stamp(NamedTuple):
    """What changes when an entry comes or goes."""

    device: int
    inode: int
    modified_ns: int
    changed_ns: int
    size: int
    links: int


class _Kept(NamedTuple):
    stamp: _Stamp
    names: Sequence[str]


class Listings:
    """Ordered names below one tree; for threads."""

    def __init__(self, tree: Tree, now: Callable[[], datetime]) -> None:
        self._tree = tree
        self._now = now
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def names(self, folder: str, after: str) -> Iterator[str]:
        """Every name behind `after`, in byte order; OSError as the system gives it."""
        names = self._unchanged(folder) if self._tree.is_local else None
        if names is None:
            yield from ordering.all_names(self._tree, folder, after)
            return
        for place in range(bisect_right(names, after), len(names)):
            if ordering.belongs(names[place]):
                yield names[place]

    def _unchanged(self, folder: str) -> Sequence[str] | None:
        """All names in the folder as it is now; None when they are few, too many or in motion."""
        try:
            opened = self._tree.folder(folder)
        except OSError as error:
            if error.errno in ABSENT:
                return None
            raise
        with opened as fd:
            stamp = _stamp(fd)
            with self._lock:
                kept = self._kept.get(folder)
                if kept is not None and kept.stamp == stamp:
                    self._kept.move_to_end(folder)
                    return kept.names
            if not self._is_settled(stamp):
                return None
            names = _all_names(fd)
            if names is None or _stamp(fd) != stamp:
                return None
        self._keep(folder, _Kept(stamp, names))
        return names

    def _is_settled(self, stamp: _Stamp) -> bool:
        changed = max(stamp.modified_ns, stamp.changed_ns) / 1e9
        return self._now().timestamp() - changed > SETTLED_S

    def _keep(self, folder: str, kept: _Kept) -> None:
        with self._lock:
            self._kept[folder] = kept
            self._kept.move_to_end(folder)
            while sum(len(each.names) for each in self._kept.values()) > KEPT_NAMES_MAX:
                self._kept.popitem(last=False)


def _stamp(folder: int) -> _Stamp:
    found = os.fstat(folder)
    return _Stamp(
        found.st_dev,
        found.st_ino,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_size,
        found.st_nlink,
    )


def _all_names(folder: int) -> list[str] | None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, KEPT_NAMES_MAX + 1)]
    return sorted(names) if KEPT_FROM <= len(names) <= KEPT_NAMES_MAX else None

"""What a disk may hold after a power failure, after any call of a recording.

Two disks are imagined. The minimal one keeps only what POSIX promises: the bytes of a file when it
was synced, a name when its folder was; of everything else each part may be there or not, whatever
the order, and of unsynced bytes nothing, all, zeros in their place, or half. The journalling one
(ext4, XFS, Btrfs) keeps changes of names in their order, up to some point behind the last change
of whatever was synced; bytes as the other. Both know a sync of everything.
"""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that a failing state can be built again
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from tests.faults.recording import (
    ROOT,
    Cut,
    Event,
    Linked,
    Made,
    Noted,
    Removed,
    Renamed,
    Synced,
    Written,
)


class Tree(dict[str, bytes | None]):
    """The content of each file by its path; None for a folder.

    `shared` are pairs of paths that lead to one file. `is_ordered` when nothing is there that came
    later than something that is not.
    """

    def __init__(self, content: Mapping[str, bytes | None] | None = None) -> None:
        super().__init__(content or {})
        self.shared: list[tuple[str, str]] = []
        self.is_ordered = True


PAGE_BYTES: Final = 4096


class Change(NamedTuple):
    """A name in a folder leads to something else from now on, or (None) to nothing."""

    folder: int
    name: str
    number: int | None


Step: TypeAlias = tuple[Change, ...]
"""Changes of one folder, of which a disk makes all or none."""


@dataclass
class _File:
    synced: bytes = b""
    writes: list[Written | Cut] = field(default_factory=list)
    is_latest: bool = False
    _whole: bytes | None = b""

    def write(self, event: Written | Cut) -> None:
        self.writes.append(event)
        self._whole = None

    def sync(self) -> None:
        self.synced = self.whole()
        self.writes = []

    def whole(self) -> bytes:
        if self._whole is None:
            self._whole = self._written()
        return self._whole

    def _written(self) -> bytes:
        content = bytearray(self.synced)
        for write in self.writes:
            if isinstance(write, Cut):
                content = content[: write.size].ljust(write.size, b"\0")
            else:
                content = content.ljust(write.at, b"\0")
                content[write.at : write.at + len(write.content)] = write.content
        return bytes(content)


Remains: TypeAlias = Callable[[_File], bytes]
"""What is left of a file's bytes."""


def nothing_unsynced(file: _File) -> bytes:
    return file.synced


def everything(file: _File) -> bytes:
    return file.whole()


def zeros_unsynced(file: _File) -> bytes:
    """The size was kept, the bytes were not."""
    if not file.writes:
        return file.synced
    whole = file.whole()
    same = file.synced[: len(whole)]
    return same + bytes(len(whole) - len(same))


def half_unsynced(file: _File) -> bytes:
    """Of what is new the first half, then what lay there on the disk before."""
    if not file.writes:
        return file.synced
    whole = file.whole()
    kept = len(file.synced) + max(0, len(whole) - len(file.synced)) // 2
    garbage = random.Random(len(whole)).randbytes(min(len(whole) - kept, PAGE_BYTES))
    return (whole[:kept] + garbage)[: len(whole)]


def only_the_latest(file: _File) -> bytes:
    """The disk was quick with the file that was written last, and kept the sizes of the others."""
    return file.whole() if file.is_latest else zeros_unsynced(file)


ALL_REMAINS: Final[Sequence[Remains]] = (
    nothing_unsynced,
    everything,
    zeros_unsynced,
    half_unsynced,
    only_the_latest,
)


class Disk:
    """A disk that lives through the events of a recording one by one."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._now: dict[int, dict[str, int]] = {ROOT: {}}
        self._kept: dict[int, dict[str, int]] = {ROOT: {}}
        self._loose: list[Step] = []
        self._journalled: dict[int, dict[str, int]] = {ROOT: {}}
        self._journal: list[Step] = []
        self._steps = 0
        self._latest = _File()
        self._touched: dict[int, int] = {}

    def live_through(self, event: Event) -> None:
        """Carry out the next event."""
        match event:
            case Made(folder, name, number, is_folder):
                if is_folder:
                    self._now[number] = {}
                else:
                    self._files[number] = _File()
                self._change((Change(folder, name, number),))
            case Linked(number, folder, name):
                self._change((Change(folder, name, number),))
            case Removed(folder, name):
                self._change((Change(folder, name, None),))
            case Renamed(folder, name, to_folder, to_name):
                number = self._now[folder][name]
                gone, come = Change(folder, name, None), Change(to_folder, to_name, number)
                self._change((gone, come))
            case Written() | Cut():
                self._latest.is_latest = False
                self._latest = self._files[event.number]
                self._latest.is_latest = True
                self._latest.write(event)
                self._touched[event.number] = self._steps
            case Synced(None):
                for number in [*self._files, *self._now]:
                    self._sync(number)
                self._commit(self._steps)
            case Synced(number) if number is not None:
                self._sync(number)
            case Noted():
                pass

    def _change(self, step: Step) -> None:
        _apply(self._now, step)
        self._journal.append(step)
        self._steps += 1
        for folder, _, number in step:
            self._touched[folder] = self._steps
            if number is not None:
                self._touched[number] = self._steps
        for folder in dict.fromkeys(change.folder for change in step):
            self._loose.append(tuple(each for each in step if each.folder == folder))

    def _sync(self, number: int) -> None:
        file = self._files.get(number)
        if file is not None:
            file.sync()
        for step in self._loose:
            if step[0].folder == number:
                _apply(self._kept, step)
        self._loose = [step for step in self._loose if step[0].folder != number]
        self._commit(self._touched.get(number, 0))

    def _commit(self, upto: int) -> None:
        count = max(0, upto - (self._steps - len(self._journal)))
        for step in self._journal[:count]:
            _apply(self._journalled, step)
        self._journal = self._journal[count:]

    def number_of(self, folder: int, name: str) -> int | None:
        """What the name in the folder leads to now."""
        return self._now.get(folder, {}).get(name)

    def whole(self) -> Tree:
        """What is there as long as the power does not fail."""
        return self._tree(self._now, everything)

    def after_power_failure(
        self, loose_max: int | None, remains: Sequence[Remains], chance: random.Random
    ) -> Iterator[Tree]:
        """What may be there after a power failure at this moment; some states more than once.

        Of the last `loose_max` unsynced changes every choice is tried, of those before them all,
        none and one choice by chance; together with each of `remains`. With None the disk is a
        journalling one.
        """
        for count in range(len(self._journal) + 1):
            folders = _applied(self._journalled, self._journal[:count])
            yield from (self._tree(folders, remain) for remain in remains)
        if loose_max is None:
            return
        for folders in self._disordered(loose_max, chance):
            for remain in remains:
                tree = self._tree(folders, remain)
                tree.is_ordered = False
                yield tree

    def _disordered(
        self, loose_max: int, chance: random.Random
    ) -> Iterator[dict[int, dict[str, int]]]:
        early, last = _split(self._loose, loose_max)
        some = [step for step in early if chance.random() < 0.5]
        for before in [early, some, []] if early else [[]]:
            for choice in product((False, True), repeat=len(last)):
                chosen = [step for step, is_kept in zip(last, choice, strict=True) if is_kept]
                yield _applied(self._kept, [*before, *chosen])

    def _tree(self, folders: dict[int, dict[str, int]], remain: Remains) -> Tree:
        tree = Tree()
        paths: dict[int, str] = {}
        todo = [("", ROOT)]
        while todo:
            path, folder = todo.pop()
            for name, number in folders.get(folder, {}).items():
                below = f"{path}/{name}"
                if number in self._files:
                    tree[below] = remain(self._files[number])
                    if paths.setdefault(number, below) != below:
                        tree.shared.append((paths[number], below))
                else:
                    tree[below] = None
                    todo.append((below, number))
        return tree


def _split(steps: list[Step], count: int) -> tuple[list[Step], list[Step]]:
    """The last so many that are about more than temporary names, and all others."""
    telling = [at for at, step in enumerate(steps) if not _is_temporary(step)]
    last = set(telling[len(telling) - min(count, len(telling)) :])
    others = [step for at, step in enumerate(steps) if at not in last]
    return others, [steps[at] for at in sorted(last)]


def _is_temporary(step: Step) -> bool:
    return all(change.name.endswith(".tmp") for change in step)


def _applied(
    folders: dict[int, dict[str, int]], steps: Iterable[Step]
) -> dict[int, dict[str, int]]:
    """The folders with some steps more; those that no step touches are shared."""
    changed = dict(folders)
    touched: set[int] = set()
    for step in steps:
        for change in step:
            if change.folder not in touched:
                touched.add(change.folder)
                changed[change.folder] = dict(changed.get(change.folder, {}))
        _apply(changed, step)
    return changed


def _apply(folders: dict[int, dict[str, int]], step: Step) -> None:
    for folder, name, number in step:
        names = folders.setdefault(folder, {})
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number

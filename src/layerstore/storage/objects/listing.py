"""Listings in the order of paths, out of a store that lists in the order of keys.

A store compares whole keys, so that `a-b/x` and `a.b` come before `a/x`. In the order of paths,
segment by segment, `a/x` comes first. What a page ends with says which folders come late: their
names are beginnings of the last key, cut in front of `-` or `.`, or it ends in one of them. Those
few are looked at before the page is given out, and passed over when their turn comes in the
store's own order.
"""

import re
from collections.abc import AsyncIterator
from typing import Final

from layerstore.storage.driver import FileInfo
from layerstore.storage.objects.store import ObjectInfo, Objects, Page

_SEGMENT: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+")
_BEHIND_ALL: Final = "\U0010ffff"
_CUT: Final = re.compile(r"[!-.]")
"""What stands before the slash in the order of keys."""


def _is_segment(text: str) -> bool:
    return _SEGMENT.fullmatch(text) is not None


def _cut_names(segment: str) -> list[str]:
    """The names that are beginnings of this one and, as folders, come late."""
    cuts = (segment[: found.start()] for found in _CUT.finditer(segment))
    return [name for name in cuts if _is_segment(name)]


async def names(objects: Objects, prefix: str, after: str) -> AsyncIterator[str]:
    """The names directly below the prefix, behind `after`, in byte order."""
    looked_at: dict[str, bool] = {}
    more: str | None = None
    while True:
        page = await objects.page(
            prefix, after=f"{prefix}{after}" if after else "", more=more, deep=False
        )
        found = {name for name in _names_of(page, prefix) if name not in looked_at}
        if page.more is not None:
            last = page.last[len(prefix) :].removesuffix("/")
            for name in [last, *_cut_names(last)]:
                if _is_segment(name) and name not in looked_at:
                    is_known = name in found or await _has_any(objects, f"{prefix}{name}/")
                    looked_at[name] = is_known
                    found |= {name} if is_known else set()
        for name in sorted(found):
            if name > after:
                yield name
        if page.more is None:
            return
        more = page.more


def _names_of(page: Page, prefix: str) -> set[str]:
    found = {item.key[len(prefix) :] for item in page.objects}
    found |= {folder[len(prefix) : -1] for folder in page.folders}
    return {name for name in found if _is_segment(name)}


async def _has_any(objects: Objects, prefix: str) -> bool:
    return bool((await objects.page(prefix, limit=1)).objects)


async def walk(objects: Objects, prefix: str, after: str = "") -> AsyncIterator[ObjectInfo]:
    """Every object below the prefix whose key is a path behind `after`, in the order of paths."""
    if after.startswith(prefix):
        async for item in _walk_behind(objects, prefix, after[len(prefix) :].split("/")):
            yield item
    elif _order(after) < _order(prefix):
        async for item in _walk(objects, prefix):
            yield item


async def _walk_behind(
    objects: Objects, prefix: str, segments: list[str]
) -> AsyncIterator[ObjectInfo]:
    """First what is below the point, then what comes behind it, folder by folder outwards."""
    first, rest = segments[0], segments[1:]
    below = f"{prefix}{first}/"
    inner = _walk_behind(objects, below, rest) if rest else _walk(objects, below)
    async for item in inner:
        yield item
    async for item in _walk(objects, prefix, after=f"{prefix}{first}", passed={below}):
        if item.key[len(prefix) :].split("/", 1)[0] > first:
            yield item


async def _walk(
    objects: Objects, prefix: str, after: str = "", passed: set[str] | None = None
) -> AsyncIterator[ObjectInfo]:
    """Everything with the prefix but what is in the folders `passed`, in the order of paths."""
    passed = passed if passed is not None else set()
    more: str | None = None
    while True:
        page = await objects.page(prefix, after=after, more=more)
        late = _late_folders(page, prefix, passed) if page.more is not None else set()
        passed |= late
        items: list[ObjectInfo | str] = [*late]
        items += [item for item in page.objects if _is_wanted(item.key, passed)]
        items.sort(key=lambda item: _order(item if isinstance(item, str) else item.key))
        for item in items:
            if isinstance(item, str):
                async for inner in _walk(objects, item):
                    yield inner
            else:
                yield item
        if page.more is None:
            return
        more, after = _next(page, passed)


def _next(page: Page, passed: set[str]) -> tuple[str | None, str]:
    """Where the listing goes on: behind a folder that was passed, if it stands in one."""
    for folder in passed:
        if page.last.startswith(folder):
            return None, folder + _BEHIND_ALL
    return page.more, ""


def _late_folders(page: Page, prefix: str, passed: set[str]) -> set[str]:
    """Folders that the page does not hold whole, and that come before others which it holds."""
    segments = page.last[len(prefix) :].split("/")
    parents = [prefix + "".join(f"{name}/" for name in segments[:n]) for n in range(len(segments))]
    found: list[str] = []
    for parent, segment in zip(parents, segments, strict=True):
        found += [f"{parent}{name}/" for name in _cut_names(segment)]
    found += [folder for folder in parents[1:] if _has_late_begun(page, folder)]
    late: set[str] = set()
    for folder in sorted(found, key=len):
        if not _in_any(folder, passed | late):
            late.add(folder)
    return late


def _has_late_begun(page: Page, folder: str) -> bool:
    """Whether the page holds others that come behind the folder, in which it ends."""
    beginnings = (f"{folder[:-1]}-", f"{folder[:-1]}.")
    return any(item.key.startswith(beginnings) for item in page.objects)


def _is_wanted(key: str, passed: set[str]) -> bool:
    return _is_path(key) and not _in_any(key, passed)


def _in_any(key: str, folders: set[str]) -> bool:
    return any(key.startswith(folder) for folder in folders)


def _is_path(key: str) -> bool:
    return all(_is_segment(segment) for segment in key.split("/"))


def _order(key: str) -> str:
    """The key in a form whose plain order is that of paths."""
    return key.replace("/", "\0")


def info(item: ObjectInfo) -> FileInfo:
    return FileInfo(item.size, item.modified, is_dir=False)

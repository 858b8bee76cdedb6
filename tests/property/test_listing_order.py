"""Listings of an object store in pages of any length are in the order of paths, each key once."""

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from layerstore.clock import SystemClock
from layerstore.storage.objects import listing
from tests.memory_objects import MemoryObjects

SEGMENTS = st.text(alphabet="a-.0b", min_size=1, max_size=4).filter(lambda t: t not in (".", ".."))
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)
KEYS = st.sets(PATHS, max_size=40)
STRANGERS = st.sets(st.sampled_from(["a!session", "a//b", "b/", "0/!tail-1", "..", "a/./b"]))


def order(path: str) -> list[str]:
    return path.split("/")


def stored(keys: set[str], page_size: int) -> MemoryObjects:
    objects = MemoryObjects(SystemClock(), page_size=page_size)

    async def put() -> None:
        for key in keys:
            await objects.put(f"root/{key}", b"")

    asyncio.run(put())
    return objects


@given(KEYS, STRANGERS, st.integers(1, 9), PATHS | st.just(""))
def test_a_walk_is_in_the_order_of_paths(
    keys: set[str], strangers: set[str], page_size: int, after: str
) -> None:
    objects = stored(keys | strangers, page_size)

    async def walked() -> list[str]:
        found = listing.walk(objects, "root/", f"root/{after}" if after else "")
        return [item.key.removeprefix("root/") async for item in found]

    expected = sorted(keys, key=order)
    assert asyncio.run(walked()) == [
        key for key in expected if not after or order(key) > order(after)
    ]


@example({"0", "00", "a"}, {"a!session", "a//b"}, 2, "")
@given(KEYS, STRANGERS, st.integers(1, 9), SEGMENTS | st.just(""))
def test_names_are_in_byte_order(
    keys: set[str], strangers: set[str], page_size: int, after: str
) -> None:
    objects = stored(keys | strangers, page_size)

    async def named() -> list[str]:
        return [name async for name in listing.names(objects, "root/", after)]

    firsts = {key.split("/")[0] for key in keys}
    firsts |= {key.split("/")[0] for key in strangers if "/" in key}
    expected = sorted(first for first in firsts if first not in ("", ".."))
    assert asyncio.run(named()) == [name for name in expected if name > after]

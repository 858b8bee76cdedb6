"""Two questions to a storage that do not depend on each other."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from layerstore.storage.driver import StorageDriver

A = TypeVar("A")
B = TypeVar("B")


async def together(
    driver: StorageDriver, first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]
) -> tuple[A, B]:
    """Both answers: side by side where each waits for a network, else one after the other.

    Raises what the first of them raises that fails; the other's answer is nobody's then.
    """
    if driver.is_distant:
        one, other = await asyncio.gather(first, second)
        return one, other
    try:
        answer = await first
    except BaseException:
        second.close()
        raise
    return answer, await second

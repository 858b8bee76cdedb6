"""Requests of one operation, made side by side but not all at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

AT_ONCE: Final = 16
"""Requests of one operation that wait for the store at the same time."""

S = TypeVar("S")
T = TypeVar("T")


async def side_by_side(ask: Callable[[S], Awaitable[T]], subjects: Iterable[S]) -> list[T]:
    """What is asked about each, in their order. Raises what the first to fail raises."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def in_turn(subject: S) -> T:
        async with gate:
            return await ask(subject)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_turn(subject)) for subject in subjects]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several
    return [task.result() for task in tasks]

"""Clients that mean well: they push and pull small things one after the other, and are timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.faults.clients import Client
from tests.faults.images import Asked, Image
from tests.wire.client import Answer

CLIENTS = 3


class Timed(Client):
    """A client that remembers how long each of its requests took, in seconds."""

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.seconds: list[float] = []

    def ask(self, asked: Asked) -> Answer:
        began = time.monotonic()
        answer = super().ask(asked)
        self.seconds.append(time.monotonic() - began)
        return answer


def seconds_of_requests(host: str, is_over: Callable[[], bool]) -> list[float]:
    """What each request of some clients took until then; any failure of one is raised."""
    clients = [Timed(host) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool:
        works = [
            pool.submit(_push_and_pull, client, f"honest{number}", is_over)
            for number, client in enumerate(clients)
        ]
    for work in works:
        work.result()
    return sorted(second for client in clients for second in client.seconds)


def _push_and_pull(client: Client, name: str, is_over: Callable[[], bool]) -> None:
    turn = 0
    while not is_over():
        image = Image(f"{name}/turn{turn}")
        client.push(image)
        client.pull(image)
        turn += 1


def at_99_percent(seconds: list[float]) -> float:
    """What 99 of 100 requests did not take longer than."""
    return seconds[int(len(seconds) * 0.99)]

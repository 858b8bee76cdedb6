"""How many bodies each client is sending at the same time, and who has to wait."""

from collections import Counter

from layerstore.api.exchange import UploadGate
from layerstore.telemetry.page import Page


class CountingGate:
    """An UploadGate of one process; a client may have `limit` bodies under way (0: any number)."""

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._under_way: Counter[str] = Counter()

    def enter(self, client: str) -> bool:
        if self._limit and self._under_way[client] >= self._limit:
            return False
        self._under_way[client] += 1
        return True

    def leave(self, client: str) -> None:
        self._under_way[client] -= 1
        if self._under_way[client] <= 0:
            del self._under_way[client]


class PageGate:
    """An UploadGate of all workers together: what they have let in stands on their shared page.

    `limit` is the number of bodies of one client, 1 at least. Workers that ask in the same instant
    may each let one in, so a client can be above it by the number of workers. Clients whose names
    fall together on the page share what they may.
    """

    def __init__(self, page: Page, limit: int) -> None:
        self._page = page
        self._limit = limit

    def enter(self, client: str) -> bool:
        if self._page.uploads(client) >= self._limit:
            return False
        self._page.upload_began(client)
        return True

    def leave(self, client: str) -> None:
        self._page.upload_ended(client)


_: type[UploadGate] = CountingGate
_2: type[UploadGate] = PageGate

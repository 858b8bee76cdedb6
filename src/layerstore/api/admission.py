"""How many bodies each client is sending to this process."""

from collections import Counter

from layerstore.api.exchange import UploadGate


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


_: type[UploadGate] = CountingGate

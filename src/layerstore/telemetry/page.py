"""One page of memory that the parent and all workers see: a few switches, and many counters.

Made by the parent in a folder of its own, mapped by everybody. No locks: each worker writes only
into its own slot, in aligned words of eight bytes, and whoever wants a sum adds the slots up. When
a worker is gone, the parent folds its counters into the slot of the gone; what it held open is
not counted any more.
"""

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final

UPLOAD_BUCKETS: Final = 1_024
"""Counters of open uploads in a slot. Clients whose names fall together are counted together."""

FIGURES: Final = 2_560
"""Words for figures in a slot; `metrics.py` knows what they mean."""

GAUGES: Final = 16
"""Words for what goes up and down in a slot, such as requests in flight; likewise."""

SLOTS_MAX: Final = 1_024
"""Workers that can have a slot at the same time."""

_WORD: Final = 8
_MAGIC: Final = int.from_bytes(b"lyrstor1", "little")

_MAGIC_WORD: Final = 0
_SLOTS: Final = 1
_DRAINING: Final = 2
_SWITCHED_OFF: Final = 3
_UNHEALTHY: Final = 4
_HEAD_WORDS: Final = 8
_SLOT_WORDS: Final = FIGURES + UPLOAD_BUCKETS + GAUGES


class PageInvalid(Exception):
    """The file is no page of this program."""


class Page:
    """The page as one process uses it; `slot` is the one that this process writes into.

    `figures` are this process's own, to be added to; `figure` is the sum of everybody's. `gauges`
    are its own too: each goes up, and down again by what it went up.
    """

    def __init__(self, memory: mmap.mmap, slot: int = 0) -> None:
        self._words = memoryview(memory).cast("Q")
        self._slots = self._words[_SLOTS]
        if not 0 <= slot < self._slots:
            raise IndexError(f"slot {slot} of {self._slots}")
        start = _HEAD_WORDS + (1 + slot) * _SLOT_WORDS
        self.figures = self._words[start : start + FIGURES]
        self._uploads = start + FIGURES
        gauges = self._uploads + UPLOAD_BUCKETS
        self.gauges = self._words[gauges : gauges + GAUGES]

    @classmethod
    def private(cls) -> "Page":
        """A page that no other process sees, with one slot."""
        memory = mmap.mmap(-1, _size(1))
        _initialise(memory, 1)
        return cls(memory)

    @classmethod
    def create(cls, path: Path, slots: int) -> "Page":
        """Make the file for so many workers at a time. FileExistsError when there is one."""
        if not 0 < slots <= SLOTS_MAX:
            raise ValueError(f"{slots} slots")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Room that is only promised kills whoever writes into it on a full disk (SIGBUS).
            os.posix_fallocate(descriptor, 0, _size(slots))
            memory = mmap.mmap(descriptor, _size(slots))
        finally:
            os.close(descriptor)
        _initialise(memory, slots)
        return cls(memory)

    @classmethod
    def open(cls, path: Path, slot: int) -> "Page":
        """Map a page that the parent made. Raises PageInvalid."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            memory = mmap.mmap(descriptor, 0)
        finally:
            os.close(descriptor)
        magic, slots = struct.unpack_from("<QQ", memory)
        if magic != _MAGIC or len(memory) != _size(slots):
            raise PageInvalid(path.name)
        return cls(memory, slot)

    def is_draining(self) -> bool:
        """Whether the server is on its way out."""
        return bool(self._words[_DRAINING])

    def drain(self) -> None:
        """The server is on its way out from now on."""
        self._words[_DRAINING] = True

    @property
    def switched_off(self) -> bool:
        """Whether an operator declared the server unhealthy (`/debug/health/down`)."""
        return bool(self._words[_SWITCHED_OFF])

    @switched_off.setter
    def switched_off(self, value: bool) -> None:
        self._words[_SWITCHED_OFF] = value

    @property
    def unhealthy(self) -> bool:
        """Whether a check of the server's health fails."""
        return bool(self._words[_UNHEALTHY])

    @unhealthy.setter
    def unhealthy(self, value: bool) -> None:
        self._words[_UNHEALTHY] = value

    def is_unwell(self) -> bool:
        """Whether requests are turned away: by an operator, or by a check that fails."""
        return bool(self._words[_UNHEALTHY] or self._words[_SWITCHED_OFF])

    def figure(self, figure: int) -> int:
        """The sum over all workers, those that are gone too."""
        return sum([self._words[slot + figure] for slot in self._all_slots()])

    def gauge(self, gauge: int) -> int:
        """The sum over all workers that live."""
        at = FIGURES + UPLOAD_BUCKETS + gauge
        return sum([self._words[slot + at] for slot in self._all_slots()])

    def upload_began(self, client: str) -> None:
        """One more upload of this client is open in this process."""
        self._words[self._uploads + _bucket(client)] += 1

    def upload_ended(self, client: str) -> None:
        """One of those that began in this process is over."""
        at = self._uploads + _bucket(client)
        self._words[at] = max(0, self._words[at] - 1)

    def uploads(self, client: str) -> int:
        """How many uploads of this client are open in all workers."""
        at = FIGURES + _bucket(client)
        return sum(self._words[slot + at] for slot in self._all_slots())

    def fold(self, slot: int) -> None:
        """The worker of that slot is gone: keep what it counted, forget what it held open."""
        gone, of = _HEAD_WORDS, _HEAD_WORDS + (1 + slot) * _SLOT_WORDS
        for counter in range(FIGURES):
            self._words[gone + counter] += self._words[of + counter]
        for word in range(_SLOT_WORDS):
            self._words[of + word] = 0

    def _all_slots(self) -> range:
        end = _HEAD_WORDS + (1 + self._slots) * _SLOT_WORDS
        return range(_HEAD_WORDS, end, _SLOT_WORDS)


def _size(slots: int) -> int:
    """Bytes of a page: its head, the slot of the gone, and the workers' slots."""
    return _WORD * (_HEAD_WORDS + (1 + slots) * _SLOT_WORDS)


def _initialise(memory: mmap.mmap, slots: int) -> None:
    words = memoryview(memory).cast("Q")
    words[_SLOTS] = slots
    words[_MAGIC_WORD] = _MAGIC


def _bucket(client: str) -> int:
    """The same in every process, which the built-in hash is not."""
    return zlib.crc32(client.encode("utf-8", "surrogatepass")) % UPLOAD_BUCKETS

"""The lines of a request's head, taken apart once.

A program says the same with nearly every request, so the heads that came last are remembered:
those that are short and hold no secret.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from typing import Final

from layerstore.telemetry.requests import Asked

HEADS_KEPT: Final = 256
"""Heads that stay taken apart; one more, and all are forgotten."""

HEAD_KEPT_BYTES_MAX: Final = 1_024
"""Bytes of a head that stays."""

HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
"""A host with or without a port, as it may stand in a URL."""

_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


class HeaderLines(tuple[tuple[str, str], ...]):
    """Every line in its order, with its name in lower case.

    `names` are those that occur, and `first` gives the first line of a name, None when there is
    none; `size` is the length of all names and values together.
    """

    def __init__(self, _lines: Iterable[tuple[str, str]] = ()) -> None:
        first = dict(reversed(self))
        self.names = first.keys()
        self.first = first.get
        self.size = sum(map(len, chain.from_iterable(self)))

    def joined(self, name: str) -> str | None:
        """All lines of that name as one list (RFC 9110 §5.3); None when there is none."""
        first = self.first(name)
        if first is None or len(self.names) == len(self):
            return first
        return ", ".join([value for key, value in self if key == name])

    @cached_property
    def hosts(self) -> list[str]:
        """What stands in lines that name a host."""
        return [value for name, value in self if name == "host" and value]

    @cached_property
    def names_one_host(self) -> bool:
        """Whether there is one host, that may stand in a URL."""
        return len(self.hosts) == 1 and HOST.fullmatch(self.hosts[0]) is not None

    @cached_property
    def asked(self) -> Asked:
        """What is told of these lines afterwards."""
        told = self.first
        return Asked(
            told("host", ""),
            told("user-agent", ""),
            told("referer", ""),
            told("content-type", ""),
        )


class Heads:
    """Makes HeaderLines of what a server hands over, or gives those that it made before."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[bytes, bytes], ...], HeaderLines] = {}

    def lines(self, raw: Iterable[tuple[bytes, bytes]]) -> HeaderLines:
        """The same lines as text."""
        head = tuple(raw)
        known = self._known.get(head)
        if known is None:
            known = HeaderLines(
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head]
            )
            self._keep(head, known)
        return known

    def _keep(self, head: tuple[tuple[bytes, bytes], ...], lines: HeaderLines) -> None:
        if lines.size > HEAD_KEPT_BYTES_MAX or not lines.names.isdisjoint(_SECRET):
            return
        if len(self._known) >= HEADS_KEPT:
            self._known.clear()
        self._known[head] = lines

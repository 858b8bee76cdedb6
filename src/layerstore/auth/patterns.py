"""Patterns that repository names are held against.

A pattern is read segment by segment: `*` stands for any letters within one segment, `**` for any
number of whole segments, `{user}` for one segment that is the caller's name.

    team/*          team/web, not team/web/api, not team, not team2/web
    team/**         everything below team, however deep; not team itself
    **              everything
    **/base         base, team/base, team/web/base
    users/{user}/** what lies below the caller's own name
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

PATTERN_LENGTH_MAX: Final = 512

_ANY_LETTERS: Final = "*"
_DEEP: Final = "**"
_CALLER: Final = "{user}"
_SEGMENT = re.compile(r"[a-z0-9._*-]+")


class Pattern:
    """One pattern. Raises ValueError, with a sentence, for text that can fit no name."""

    def __init__(self, text: str) -> None:
        if len(text) > PATTERN_LENGTH_MAX:
            raise ValueError(f"a pattern has at most {PATTERN_LENGTH_MAX} characters")
        self.text = text
        self._parts = [_checked(segment, text) for segment in text.split("/")]
        self.literal = not any(sign in text for sign in ("*", _CALLER))
        self.everything = text == _DEEP

    def fits(self, name: str, user: str) -> bool:
        """Whether the whole name fits, for the caller called `user` (empty: nobody)."""
        return self._fits(name.split("/"), user)

    def _fits(self, segments: Sequence[str], user: str) -> bool:
        reached = self._over_deep({0})
        for segment in segments:
            reached = self._over_deep(
                {after for at in reached for after in self._step(at, segment, user)}
            )
        return len(self._parts) in reached

    def _step(self, at: int, segment: str, user: str) -> Sequence[int]:
        """Where in the pattern one may stand after this segment."""
        if at == len(self._parts):
            return ()
        part = self._parts[at]
        if part == _DEEP:
            return (at, at + 1)
        return (at + 1,) if _one_fits(part, segment, user) else ()

    def _over_deep(self, places: AbstractSet[int]) -> AbstractSet[int]:
        """`**` may stand for nothing, save at the end, where it is what lies below."""
        reached = set(places)
        for at, part in enumerate(self._parts[:-1]):
            if at in reached and part == _DEEP:
                reached.add(at + 1)
        return reached


def _checked(segment: str, text: str) -> str:
    if segment in (_DEEP, _CALLER):
        return segment
    if not _SEGMENT.fullmatch(segment) or _DEEP in segment:
        raise ValueError(f"{text!r} can fit no repository name, at {segment!r}")
    return segment


def _one_fits(part: str, segment: str, user: str) -> bool:
    """Each piece between stars is looked for once, from the left: no name takes long."""
    if part == _CALLER:
        return bool(user) and segment == user
    first, *others = part.split(_ANY_LETTERS)
    if not others:
        return segment == part
    *middle, last = others
    if len(segment) < len(first) + len(last):
        return False
    if not (segment.startswith(first) and segment.endswith(last)):
        return False
    return _in_order(middle, segment[len(first) : len(segment) - len(last)])


def _in_order(pieces: Sequence[str], text: str) -> bool:
    for piece in pieces:
        _, found, text = text.partition(piece) if piece else ("", True, text)
        if not found:
            return False
    return True

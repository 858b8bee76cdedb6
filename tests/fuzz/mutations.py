"""Inputs near good ones: bytes, tokens and structures of known inputs, changed by chance.

One seed makes one row of inputs. A change is one of these: bytes replaced, cut out, doubled or
put in; a piece repeated until it is long, which shows what grows faster than its input; words and
numbers exchanged for troublesome ones; two inputs spliced; for JSON, members dropped, exchanged,
nested; for what is base64, the same within.
"""

from __future__ import annotations

import base64
import binascii
import json
import random  # noqa: TID251  # a seed makes the same inputs again
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

INPUT_BYTES_MAX: Final = 64 * 1024
CHANGES_MAX: Final = 4

WORDS: Final = (
    *(b"", b"\x00", b"\r\n", b"\n", b" ", b"\t", b"\xff", b"\xc0\xae", b"\xed\xa0\x80"),
    *(b"..", b"../", b"/", b"//", b"%", b"%00", b"%2e%2e%2f", b"%0d%0a", b"\\", b"~", b"@", b":"),
    *(b'"', b"'", b"=", b"==", b";", b",", b"-", b"+", b"*", b"&", b"?", b"#"),
    *(b"[", b"]", b"{", b"}", b"null", b"true", b"\\u0000", b"\\ud800", b"\xef\xbb\xbf"),
    *(b"NaN", b"Infinity", b"1e999", b"-0", b"0x10", b"1_000"),
    *(b"sha256:", b"sha512:", b"md5:", b"sha256:" + b"0" * 64, b"tarsum+sha256:"),
    *(b"!!python/object", b"&a", b"*a", b"<<: *a", b"---", b"? ", b"|", b">", b"!!binary"),
    *(b"bytes=", b"W/", b"q=0", b"*/*", b"Bearer ", b"Basic ", b"none", b"HS256", b"for=", b"unix"),
    *(text.encode() for text in ("é", "ß", "İ", "\u2028", "\u202e", "😀")),
)
NUMBERS: Final = (0, -1, 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 2**64, 2**128, 10**30, 10**400)

_NUMBER: Final = re.compile(rb"-?\d+")
_WORD: Final = re.compile(rb"[A-Za-z0-9_]+|[^A-Za-z0-9_]")
_PART: Final = re.compile(rb"[A-Za-z0-9_\-+/]{8,}={0,2}")


class Mutator:
    """Makes inputs from some good ones."""

    def __init__(self, seed: int, good: Sequence[bytes]) -> None:
        self._random = random.Random(seed)
        self._good = list(good)
        self._changes: tuple[Callable[[bytes], bytes], ...] = (
            self._replace,
            self._cut,
            self._double,
            self._insert,
            self._repeat,
            self._number,
            self._exchange,
            self._splice,
            self._structure,
            self._within,
        )

    def inputs(self) -> Iterator[bytes]:
        """The good ones, and then ever more that are near them."""
        yield from self._good
        while True:
            content = self._random.choice(self._good)
            for _ in range(self._random.randint(1, CHANGES_MAX)):
                content = self._random.choice(self._changes)(content)[:INPUT_BYTES_MAX]
            yield content

    def _span(self, content: bytes) -> tuple[int, int]:
        start = self._random.randint(0, len(content))
        return start, min(len(content), start + self._random.choice((0, 1, 1, 2, 4, 16, 64)))

    def _some(self) -> bytes:
        if self._random.random() < 0.3:
            return self._random.randbytes(self._random.randint(1, 4))
        return self._random.choice(WORDS)

    def _replace(self, content: bytes) -> bytes:
        start, end = self._span(content)
        return content[:start] + self._some() + content[end:]

    def _cut(self, content: bytes) -> bytes:
        start, end = self._span(content)
        return content[:start] + content[end:]

    def _double(self, content: bytes) -> bytes:
        start, end = self._span(content)
        return content[:end] + content[start:]

    def _insert(self, content: bytes) -> bytes:
        at = self._random.randint(0, len(content))
        return content[:at] + self._some() + content[at:]

    def _repeat(self, content: bytes) -> bytes:
        if self._random.random() < 0.8:
            return self._double(content)
        start, end = self._span(content)
        piece = content[start:end] or self._some() or b"a"
        times = self._random.choice((10, 100, 1000, INPUT_BYTES_MAX // len(piece)))
        return content[:end] + piece * times + content[end:]

    def _number(self, content: bytes) -> bytes:
        found = list(_NUMBER.finditer(content))
        if not found:
            return self._insert(content)
        match = self._random.choice(found)
        number = str(self._random.choice(NUMBERS)).encode()
        return content[: match.start()] + number + content[match.end() :]

    def _exchange(self, content: bytes) -> bytes:
        words = _WORD.findall(content[: INPUT_BYTES_MAX // 16])
        if len(words) < 2:
            return self._insert(content)
        one, other = self._random.randrange(len(words)), self._random.randrange(len(words))
        words[one], words[other] = words[other], words[one]
        return b"".join(words) + content[INPUT_BYTES_MAX // 16 :]

    def _splice(self, content: bytes) -> bytes:
        other = self._random.choice(self._good)
        at, behind = self._random.randint(0, len(content)), self._random.randint(0, len(other))
        return content[:at] + other[behind:]

    def _structure(self, content: bytes) -> bytes:
        """Changes a JSON document as a document."""
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            return self._exchange(content)
        places = [place for place in _places(document) if place]
        if not places:
            return self._insert(content)
        self._change_place(self._random.choice(places), document)
        return json.dumps(document).encode()

    def _change_place(self, place: Any, document: Any) -> None:
        key = self._random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        match self._random.randrange(5):
            case 0:
                del place[key]
            case 1:
                place[key] = self._random.choice(_VALUES)
            case 2:
                place[key] = json.loads(json.dumps(document))
            case 3:
                place[key] = [place[key]] * self._random.choice((0, 1, 2, 100))
            case _ if isinstance(place, dict):
                place[self._some().decode("latin-1")] = place[key]

    def _within(self, content: bytes) -> bytes:
        """Changes what is written as base64 in the content."""
        found = [match for match in _PART.finditer(content) if _decoded(match[0]) is not None]
        if not found:
            return self._replace(content)
        match = self._random.choice(found)
        inner = self._random.choice(self._changes[:9])(_decoded(match[0]) or b"")
        part = base64.urlsafe_b64encode(inner[: INPUT_BYTES_MAX // 2]).rstrip(b"=")
        return content[: match.start()] + part + content[match.end() :]


_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**63, 2**64, 1.5, 1e300, "", "a", "\x00", "\ud800", "sha256:x", [], {}),
    *([[]], {"": ""}, "sha256:" + "0" * 64, "é" * 300, ["a", 1, None], {"a": {"a": {}}}),
)


def _places(document: Any) -> Iterator[Any]:
    """Every list and object of a document."""
    waiting = [document]
    while waiting:
        place = waiting.pop()
        if isinstance(place, dict | list):
            yield place
            waiting.extend(place.values() if isinstance(place, dict) else place)


def _decoded(part: bytes) -> bytes | None:
    text = part.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None

"""Durations in the syntax of Go: `10s`, `1h30m`, `1.5h`, `100ms`, `-1m`."""

import re
from typing import Final

_SECONDS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}

_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)

DURATION_LENGTH_MAX: Final = 64
"""Characters of a duration."""

DURATION_SECONDS_MAX: Final = 2**63 / 1e9
"""The longest duration that there is in Go, some 292 years."""


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError with a sentence; a number without unit is good only if it is 0."""
    sign, digits = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if digits == "0":
        return 0.0
    seconds = sign * sum(_parts(text, digits))
    if abs(seconds) >= DURATION_SECONDS_MAX:
        raise ValueError(f"{text!r} is longer than a duration can be")
    return seconds


def _parts(text: str, digits: str) -> list[float]:
    parts, end = [], 0
    if len(digits) <= DURATION_LENGTH_MAX:
        while found := _PART.match(digits, end):
            parts.append(float(found[1]) * _SECONDS[found[2]])
            end = found.end()
    if not parts or end != len(digits):
        raise ValueError(f"{text[:DURATION_LENGTH_MAX]!r} is no duration such as 90s, 1h30m, 168h")
    return parts


def format_duration(seconds: float) -> str:
    """The shortest common form: `1h30m`, `10s`, `250ms`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""]
    parts.append(f"{rest:.15g}s" if rest else "")
    return "".join(parts) or "0s"

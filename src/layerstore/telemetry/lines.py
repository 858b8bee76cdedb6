"""One event, one line: the text, json and logstash forms, and the combined access log.

Nothing that a client sent reaches a line as it came: values are cut, and every character that is
not printable ASCII is escaped, so that no line can be forged and no terminal be steered.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

VALUE_CHARACTERS_MAX: Final = 512
"""Characters of one value; what is longer is cut and ends with an ellipsis."""

Fields = Mapping[str, object]
LineFormat = Callable[[datetime, str, str, Fields], str]
"""Makes a line of a moment, a level, a message and fields."""

_BARE: Final = re.compile(r"[A-Za-z0-9._/@^+:-]+")
_ACCESS_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


def as_text(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """`key=value` pairs in the order of the original's formatter."""
    head = f'time="{_stamp(moment)}" level={level} msg={_quoted(message)}'
    return head + "".join(f" {key}={_pair_value(value)}" for key, value in fields.items())


def as_json(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """One JSON object; fields that share a name with the event's own are kept under `fields.`."""
    own = {"level": level, "msg": cut(message), "time": _stamp(moment)}
    return _json(own | _apart(fields, own))


def as_logstash(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """One JSON object with the names that logstash gives to its own."""
    own = {"@timestamp": _stamp(moment), "@version": "1", "level": level, "message": cut(message)}
    return _json(own | _apart(fields, own))


FORMATS: Final[Mapping[str, LineFormat]] = {
    "text": as_text,
    "json": as_json,
    "logstash": as_logstash,
}
"""The formats by their names in the configuration (`log.formatter`)."""


def combined(
    moment: datetime,
    remote: str,
    user: str,
    request_line: str,
    status: int,
    sent: int,
    referer: str,
    user_agent: str,
) -> str:
    """A line of the access log in Apache's combined form. The moment is told with its offset."""
    return (
        f"{_access(remote)} - {_access(user)} [{moment:%d/%b/%Y:%H:%M:%S %z}] "
        f'"{_access(request_line)}" {status} {sent} "{_access(referer)}" "{_access(user_agent)}"'
    )


def cut(value: str) -> str:
    """The value, or its beginning."""
    if len(value) <= VALUE_CHARACTERS_MAX:
        return value
    return value[: VALUE_CHARACTERS_MAX - 3] + "..."


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pair_value(value: object) -> str:
    return _quoted(value) if isinstance(value, str) else _json(value)


def _quoted(value: str) -> str:
    value = cut(value)
    return value if _BARE.fullmatch(value) else _json(value)


def _json(value: object) -> str:
    # json leaves DEL as it is; everything else that is not printable ASCII it escapes.
    return json.dumps(value, separators=(",", ":"), default=str).replace("\x7f", "\\u007f")


def _apart(fields: Fields, own: Mapping[str, object]) -> dict[str, object]:
    return {
        (f"fields.{key}" if key in own else key): (cut(value) if isinstance(value, str) else value)
        for key, value in fields.items()
    }


def _access(value: str) -> str:
    value = cut(value)
    if not value:
        return "-"
    return _ACCESS_UNSAFE.sub(_escaped, value)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))

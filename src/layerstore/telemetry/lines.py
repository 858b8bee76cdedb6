"""One event, one line: the text, json and logstash forms, and the combined access log.

Nothing that a client sent reaches a line as it came: values are cut, and every character that is
not printable ASCII is escaped, so that no line can be forged and no terminal be steered.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii
from typing import Final

VALUE_CHARACTERS_MAX: Final = 512
"""Characters of one value; what is longer is cut and ends with an ellipsis."""

Fields = Mapping[str, object]
LineFormat = Callable[[datetime, str, str, Fields], str]
"""Makes a line of a moment, a level, a message and fields, whose names are the caller's own."""

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_ACCESS_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


def as_text(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """`key=value` pairs; texts stand in quotes."""
    pairs = " ".join([f"{key}={_value(value)}" for key, value in fields.items()])
    return _line(f'time="{_stamp(moment)}" level={level} msg={_value(message)} {pairs}')


def as_json(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """One JSON object."""
    return _line(
        f'{{"level":"{level}","msg":{_value(message)},"time":"{_stamp(moment)}"{_members(fields)}}}'
    )


def as_logstash(moment: datetime, level: str, message: str, fields: Fields) -> str:
    """One JSON object with the names that logstash gives to its own."""
    return _line(
        f'{{"@timestamp":"{_stamp(moment)}","@version":"1","level":"{level}",'
        f'"message":{_value(message)}{_members(fields)}}}'
    )


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
        f"{_access(remote)} - {_access(user)} [{_access_stamp(moment)}] "
        f'"{_access(request_line)}" {status} {sent} "{_access(referer)}" "{_access(user_agent)}"'
    )


def cut(value: str) -> str:
    """The value, or its beginning."""
    if len(value) <= VALUE_CHARACTERS_MAX:
        return value
    return value[: VALUE_CHARACTERS_MAX - 3] + "..."


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _members(fields: Fields) -> str:
    return "".join([f',"{key}":{_value(value)}' for key, value in fields.items()])


def _value(value: object) -> str:
    """A number as it is, everything else as a JSON string of printable ASCII (but for DEL)."""
    if isinstance(value, str):
        return encode_basestring_ascii(value if len(value) <= VALUE_CHARACTERS_MAX else cut(value))
    return repr(value) if isinstance(value, int) else encode_basestring_ascii(cut(str(value)))


def _line(line: str) -> str:
    return line.replace("\x7f", "\\u007f")


def _access_stamp(moment: datetime) -> str:
    """As strftime would, in a third of its time and in any locale."""
    offset = "+0000" if moment.tzinfo is UTC else f"{moment:%z}"
    return (
        f"{moment.day:02}/{_MONTHS[moment.month - 1]}/{moment.year}:"
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} {offset}"
    )


def _access(value: str) -> str:
    if not value:
        return "-"
    value = cut(value)
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return value
    return _ACCESS_UNSAFE.sub(_escaped, value)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))

"""One event, one line: the text, json and logstash forms, and the combined access log.

Nothing that a client sent reaches a line as it came: values are cut, and every character that is
not printable ASCII is escaped, so that no line can be forged and no terminal be steered.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii
from typing import Final, NamedTuple

VALUE_CHARACTERS_MAX: Final = 512
"""Characters of one value; what is longer is cut and ends with an ellipsis."""

Fields = Mapping[str, object]
"""What a line tells beside its message; the names are the caller's own."""

_DELETE: Final = ("\x7f", "\\u007f")

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_ACCESS_UNSAFE: Final = re.compile(r'[^\x20-\x7e]|["\\]')


class LineForm(NamedTuple):
    """How a line is put together: its beginning, each field, its end.

    `fields` makes the middle of a line whose field names are known beforehand, with `place` where
    the values belong: strings through `quoted`, numbers as they are.
    """

    head: Callable[[str, str, str], str]
    pair: str
    tail: str

    def __call__(self, moment: datetime, level: str, message: str, fields: Fields) -> str:
        pair = self.pair
        pairs = "".join([pair % (key, _value(value)) for key, value in fields.items()])
        return self.around(_stamp(moment), level, message, pairs)

    def around(self, stamp: str, level: str, message: str, pairs: str) -> str:
        """A line with these pairs, made before."""
        return (self.head(stamp, level, quoted(message)) + pairs + self.tail).replace(*_DELETE)

    def fields(self, names: Iterable[str], place: str = "%s") -> str:
        return "".join([self.pair % (name, place) for name in names])


as_text: Final = LineForm(
    lambda stamp, level, message: f'time="{stamp}" level={level} msg={message}', " %s=%s", ""
)
"""`key=value` pairs; texts stand in quotes."""

as_json: Final = LineForm(
    lambda stamp, level, message: f'{{"level":"{level}","msg":{message},"time":"{stamp}"',
    ',"%s":%s',
    "}",
)
"""One JSON object."""

as_logstash: Final = LineForm(
    lambda stamp, level, message: (
        f'{{"@timestamp":"{stamp}","@version":"1","level":"{level}","message":{message}'
    ),
    ',"%s":%s',
    "}",
)
"""One JSON object with the names that logstash gives to its own."""

FORMATS: Final[Mapping[str, LineForm]] = {
    "text": as_text,
    "json": as_json,
    "logstash": as_logstash,
}
"""The formats by their names in the configuration (`log.formatter`)."""


class Stamps:
    """A moment in the forms that lines have; most moments share their second with the last one."""

    def __init__(self) -> None:
        self._since = datetime.max.replace(tzinfo=UTC)
        self._until = datetime.min.replace(tzinfo=UTC)
        self._second = self._access = ""

    def of(self, moment: datetime) -> tuple[str, str]:
        """For a structured line, and for one of the access log."""
        if not self._since <= moment < self._until:
            self._since = moment.replace(microsecond=0)
            self._until = self._since + timedelta(seconds=1)
            self._second = _stamp(self._since.astimezone(UTC))[:-4]
            self._access = _access_stamp(self._since)
        return f"{self._second}{moment.microsecond // 1000:03}Z", self._access


def combined(
    stamp: str,
    remote: str,
    user: str,
    request_line: str,
    status: int,
    sent: int,
    referer: str,
    user_agent: str,
    *,
    is_plain: bool = False,
) -> str:
    """A line of the access log in Apache's combined form; `is_plain` of texts that are known so."""
    if is_plain:
        return (
            f'{remote or "-"} - {user or "-"} [{stamp}] "{request_line}" {status} {sent} '
            f'"{referer or "-"}" "{user_agent or "-"}"'
        )
    return (
        f"{_access(remote)} - {_access(user)} [{stamp}] "
        f'"{_access(request_line)}" {status} {sent} "{_access(referer)}" "{_access(user_agent)}"'
    )


def quoted(value: str) -> str:
    """A JSON string of printable ASCII (but for DEL), cut where it is too long."""
    return encode_basestring_ascii(value if len(value) <= VALUE_CHARACTERS_MAX else cut(value))


def are_plain(values: Sequence[str]) -> bool:
    """Whether a line may hold all of them as they are: nothing to be cut, nothing to be escaped."""
    text = "".join(values)
    if not (text.isascii() and text.isprintable()) or '"' in text or "\\" in text:
        return False
    return len(text) <= VALUE_CHARACTERS_MAX or max(map(len, values)) <= VALUE_CHARACTERS_MAX


def in_quotes(value: str) -> str:
    """What `quoted` makes of a plain value."""
    return f'"{value}"'


def cut(value: str) -> str:
    """The value, or its beginning."""
    if len(value) <= VALUE_CHARACTERS_MAX:
        return value
    return value[: VALUE_CHARACTERS_MAX - 3] + "..."


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> str:
    """A number as it is, everything else as a quoted string."""
    if isinstance(value, str):
        return quoted(value)
    return repr(value) if isinstance(value, int) else quoted(str(value))


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
    return _ACCESS_UNSAFE.sub(_escaped, value)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character in '"\\':
        return "\\" + character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace"))

"""Where log lines come from: finished requests, and what the program itself has to say.

A request is told once, after its answer: as one structured line, and, unless
`log.accesslog.disabled`, as one line of the access log. Both name what the original names
(registry-facts §3.2, `log.*`). This is on the path of every request and must stay cheap.
"""

import logging
import os
import select
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from layerstore.telemetry.lines import FORMATS, Stamps, combined, quoted

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LEVELS: Final[Mapping[str, int]] = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
"""The levels by their names in the configuration (`log.level`)."""

TRACEBACK_LINES_MAX: Final = 40
"""Lines of a stack trace that a log line keeps, the last ones."""

STANDARD_OUTPUT: Final = 1
STANDARD_ERROR: Final = 2

WriteLine = Callable[[str], None]


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A request and its answer, as they are told afterwards.

    `sent` is the size of the answer's body, `received` of the request's, both in bytes; `notes`
    hold what handlers learned (user, repository, error), under the names of the original.
    """

    moment: datetime
    id: str
    method: str
    uri: str
    host: str
    protocol: str
    remote: str
    user_agent: str
    referer: str
    content_type: str
    status: int
    response_type: str
    sent: int
    received: int
    duration_s: float
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What the configuration says under `log`; `fields` stand in every structured line."""

    level: str = "info"
    formatter: str = "text"
    fields: Mapping[str, str] = field(default_factory=dict)
    access: bool = True


_ALWAYS: Final = (
    "http.request.id",
    "http.request.method",
    "http.request.host",
    "http.request.uri",
    "http.request.remoteaddr",
    "http.request.useragent",
    "http.response.duration",
    "http.request.received",
    "http.response.status",
    "http.response.written",
)
"""What is told of every request: texts first, then numbers."""


class RequestLog:
    """Writes down finished requests."""

    def __init__(
        self,
        settings: LogSettings,
        write: WriteLine | None = None,
        write_access: WriteLine | None = None,
    ) -> None:
        self._form = form = FORMATS[settings.formatter]
        self._threshold = LEVELS[settings.level]
        own = form.fields(settings.fields) % tuple(map(quoted, settings.fields.values()))
        self._always = own.replace("%", "%%") + form.fields(_ALWAYS)
        self._access = settings.access
        self._stamps = Stamps()
        self._write = write or line_writer(STANDARD_ERROR)
        self._write_access = write_access or line_writer(STANDARD_OUTPUT)

    def __call__(self, exchange: Exchange) -> None:
        level = "error" if exchange.status >= 500 else "info"
        stamp, access_stamp = self._stamps.of(exchange.moment)
        if LEVELS[level] >= self._threshold:
            pairs = self._told(exchange)
            self._write(self._form.around(stamp, level, _message(exchange), pairs))
        if self._access:
            self._write_access(_access_line(exchange, access_stamp))

    def _told(self, exchange: Exchange) -> str:
        told = self._always % (
            quoted(exchange.id),
            quoted(exchange.method),
            quoted(exchange.host),
            quoted(exchange.uri),
            quoted(exchange.remote),
            quoted(exchange.user_agent),
            f'"{exchange.duration_s * 1000:.3f}ms"',
            exchange.received,
            exchange.status,
            exchange.sent,
        )
        pair = self._form.pair
        for name, value in exchange.notes.items():
            if value:
                told += pair % (name, quoted(value))
        for name, value in (
            ("http.request.referer", exchange.referer),
            ("http.request.contenttype", exchange.content_type),
            ("http.response.contenttype", exchange.response_type),
        ):
            if value:
                told += pair % (name, quoted(value))
        return told


class LineHandler(logging.Handler):
    """Puts what the program logs into the same form."""

    def __init__(self, settings: LogSettings, write: WriteLine | None = None) -> None:
        super().__init__(LEVELS[settings.level])
        self._line = FORMATS[settings.formatter]
        self._fields = dict(settings.fields)
        self._write = write or line_writer(STANDARD_ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            moment = datetime.fromtimestamp(record.created, UTC)
            fields = {**self._fields, "logger": record.name, **_trouble(record)}
            level = _level_name(record.levelno)
            self._write(self._line(moment, level, record.getMessage(), fields))
        except Exception:  # noqa: BLE001  # logging never stops what it tells about
            self.handleError(record)


def log_program(settings: LogSettings) -> None:
    """Let everything that the program logs go through one LineHandler from now on."""
    root = logging.getLogger()
    root.handlers[:] = [LineHandler(settings)]
    root.setLevel(LEVELS[settings.level])


def line_writer(descriptor: int) -> WriteLine:
    """Writes each line with one call, so that the lines of several processes do not mix."""

    def write(line: str) -> None:
        _write_all(descriptor, line.encode("ascii", "backslashreplace") + b"\n")

    return write


class GatheringWriter:
    """A WriteLine for the event loop: the lines of one of its turns are written together.

    With as many calls as keep the lines of several processes apart: a pipe takes up to PIPE_BUF
    bytes whole. Whoever ends the loop calls `flush`.
    """

    def __init__(self, descriptor: int, loop: "AbstractEventLoop") -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._lines: list[bytes] = []

    def __call__(self, line: str) -> None:
        if not self._lines:
            self._loop.call_soon(self.flush)
        self._lines.append(line.encode("ascii", "backslashreplace") + b"\n")

    def flush(self) -> None:
        """Write what has gathered."""
        lines, self._lines = self._lines, []
        gathered = b""
        for line in lines:
            if gathered and len(gathered) + len(line) > select.PIPE_BUF:
                _write_all(self._descriptor, gathered)
                gathered = b""
            gathered += line
        if gathered:
            _write_all(self._descriptor, gathered)


def _write_all(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return  # nobody reads the log any more; serving goes on


def _message(exchange: Exchange) -> str:
    failed = "err.code" in exchange.notes or exchange.status >= 500
    return "response completed with error" if failed else "response completed"


def _access_line(exchange: Exchange, stamp: str) -> str:
    return combined(
        stamp,
        exchange.remote,
        exchange.notes.get("auth.user.name", ""),
        f"{exchange.method} {exchange.uri} {exchange.protocol}",
        exchange.status,
        exchange.sent,
        exchange.referer,
        exchange.user_agent,
    )


def _trouble(record: logging.LogRecord) -> dict[str, str]:
    if record.exc_info is None or record.exc_info[1] is None:
        return {}
    error = record.exc_info[1]
    lines = "".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES_MAX:]
    return {"err.message": f"{type(error).__name__}: {error}", "err.stack": "\n".join(lines)}


def _level_name(level: int) -> str:
    return next((name for name, least in LEVELS.items() if level >= least), "debug")

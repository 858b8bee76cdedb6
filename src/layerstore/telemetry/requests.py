"""Finished requests, told once, after the answer.

As one structured line, and, unless `log.accesslog.disabled`, as one line of the access log. Both
name what the original names (registry-facts §3.2, `log.*`). This is on the path of every request
and must stay cheap.
"""

import select
from asyncio import AbstractEventLoop
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from layerstore.telemetry.lines import FORMATS, Stamps, combined, quoted
from layerstore.telemetry.logs import (
    LEVELS,
    STANDARD_ERROR,
    STANDARD_OUTPUT,
    LogSettings,
    WriteLine,
    line_writer,
    write_all,
)


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


class GatheringWriter:
    """A WriteLine for the event loop: the lines of one of its turns are written together.

    With as many calls as keep the lines of several processes apart: a pipe takes up to PIPE_BUF
    bytes whole. Whoever ends the loop calls `flush`.
    """

    def __init__(self, descriptor: int, loop: AbstractEventLoop) -> None:
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
                write_all(self._descriptor, gathered)
                gathered = b""
            gathered += line
        if gathered:
            write_all(self._descriptor, gathered)


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

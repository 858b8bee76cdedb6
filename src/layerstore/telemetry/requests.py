"""Finished requests, told once, after the answer.

As one structured line, and, unless `log.accesslog.disabled`, as one line of the access log. Both
name what the original names (registry-facts §3.2, `log.*`). This is on the path of every request
and must stay cheap.
"""

import select
from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from layerstore.telemetry.lines import FORMATS, Stamps, are_plain, combined, in_quotes, quoted
from layerstore.telemetry.logs import (
    LEVELS,
    STANDARD_ERROR,
    STANDARD_OUTPUT,
    LogSettings,
    WriteLine,
    line_writer,
    write_all,
)


class Asked(NamedTuple):
    """What the lines of a request's head say of it; empty where they do not."""

    host: str = ""
    user_agent: str = ""
    referer: str = ""
    content_type: str = ""


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """A request and its answer, as they are told afterwards.

    `sent` is the size of the answer's body, `received` of the request's, both in bytes; `notes`
    hold what handlers learned (user, repository, error), under the names of the original.
    """

    moment: datetime
    id: str
    method: str
    uri: str
    protocol: str
    remote: str
    asked: Asked
    status: int
    response_type: str
    sent: int
    received: int
    duration_s: float
    notes: Mapping[str, str]


_TEXTS: Final = (
    "http.request.id",
    "http.request.method",
    "http.request.host",
    "http.request.uri",
    "http.request.remoteaddr",
    "http.request.useragent",
)
_DURATION: Final = ("http.response.duration",)
_NUMBERS: Final = ("http.request.received", "http.response.status", "http.response.written")


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
        own = own.replace("%", "%%")
        figures = form.fields(_DURATION, '"%.3fms"') + form.fields(_NUMBERS, "%d")
        self._plain = own + form.fields(_TEXTS, '"%s"') + figures
        self._quoted = own + form.fields(_TEXTS) + figures
        self._access = settings.access
        self._stamps = Stamps()
        self._write = write or line_writer(STANDARD_ERROR)
        self._write_access = write_access or line_writer(STANDARD_OUTPUT)

    def __call__(self, exchange: Exchange) -> None:
        level = "error" if exchange.status >= 500 else "info"
        stamp, access_stamp = self._stamps.of(exchange.moment)
        is_plain = are_plain(_texts(exchange))
        if LEVELS[level] >= self._threshold:
            pairs = self._told(exchange, is_plain)
            self._write(self._form.around(stamp, level, _message(exchange), pairs))
        if self._access:
            self._write_access(_access_line(exchange, access_stamp, is_plain))

    def _told(self, exchange: Exchange, is_plain: bool) -> str:
        asked = exchange.asked
        told = self._always(
            is_plain,
            (
                exchange.id,
                exchange.method,
                asked.host,
                exchange.uri,
                exchange.remote,
                asked.user_agent,
            ),
            (exchange.duration_s * 1000, exchange.received, exchange.status, exchange.sent),
        )
        pair, quote = self._form.pair, in_quotes if is_plain else quoted
        for name, value in exchange.notes.items():
            if value:
                told += pair % (name, quote(value))
        for name, value in (
            ("http.request.referer", asked.referer),
            ("http.request.contenttype", asked.content_type),
            ("http.response.contenttype", exchange.response_type),
        ):
            if value:
                told += pair % (name, quote(value))
        return told

    def _always(
        self, is_plain: bool, texts: tuple[str, ...], figures: tuple[float | int, ...]
    ) -> str:
        """What is told of every request."""
        if is_plain:
            return self._plain % (texts + figures)
        return self._quoted % (*map(quoted, texts), *figures)


class GatheringWriter:
    """A WriteLine that writes when `flush` is called: many lines with few calls.

    As many as keep the lines of several processes apart: a pipe takes up to PIPE_BUF bytes whole.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []

    def __call__(self, line: str) -> None:
        self._lines.append(line.encode("ascii", "backslashreplace") + b"\n")

    def flush(self) -> None:
        """Write what has gathered."""
        lines, self._lines = self._lines, []
        gathered, size = list[bytes](), 0
        for line in lines:
            if gathered and size + len(line) > select.PIPE_BUF:
                write_all(self._descriptor, b"".join(gathered))
                gathered, size = [], 0
            gathered.append(line)
            size += len(line)
        if gathered:
            write_all(self._descriptor, b"".join(gathered))


def _texts(exchange: Exchange) -> list[str]:
    """All that is told of a request and that somebody else chose."""
    return [
        exchange.id,
        exchange.method,
        exchange.uri,
        exchange.remote,
        exchange.response_type,
        *exchange.asked,
        *exchange.notes.values(),
    ]


def _message(exchange: Exchange) -> str:
    failed = "err.code" in exchange.notes or exchange.status >= 500
    return "response completed with error" if failed else "response completed"


def _access_line(exchange: Exchange, stamp: str, is_plain: bool) -> str:
    return combined(
        stamp,
        exchange.remote,
        exchange.notes.get("auth.user.name", ""),
        f"{exchange.method} {exchange.uri} {exchange.protocol}",
        exchange.status,
        exchange.sent,
        exchange.asked.referer,
        exchange.asked.user_agent,
        is_plain=is_plain,
    )

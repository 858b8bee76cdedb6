"""Finished requests, told once, after the answer.

As one structured line, and, unless `log.accesslog.disabled`, as one line of the access log. Both
name what the original names (registry-facts §3.2, `log.*`). This is on the path of every request
and must stay cheap.
"""

import select
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from layerstore.telemetry.lines import FORMATS, Stamps, are_plain, combined, quoted
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
FORMS_KEPT: Final = 256
"""Sets of fields whose lines are put together beforehand; there are some dozens."""

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
        self._own = own.replace("%", "%%")
        self._pairs = lru_cache(FORMS_KEPT)(self._form_of)
        self._access = settings.access
        self._stamps = Stamps()
        self._write = write or line_writer(STANDARD_ERROR)
        self._write_access = write_access or line_writer(STANDARD_OUTPUT)

    def __call__(self, exchange: Exchange) -> None:
        level = "error" if exchange.status >= 500 else "info"
        stamp, access_stamp = self._stamps.of(exchange.moment)
        texts, further = _texts(exchange), _further(exchange)
        is_plain = are_plain((*texts, *further.values()))
        if LEVELS[level] >= self._threshold:
            quote = str if is_plain else quoted
            pairs = self._pairs(tuple(further), is_plain) % (
                *map(quote, texts),
                exchange.duration_s * 1000,
                exchange.received,
                exchange.status,
                exchange.sent,
                *map(quote, further.values()),
            )
            self._write(self._form.around(stamp, level, _message(exchange), pairs))
        if self._access:
            self._write_access(_access_line(exchange, access_stamp, is_plain))

    def _form_of(self, further: tuple[str, ...], is_plain: bool) -> str:
        """The pairs of a line, with places for their values; names are our own, and few."""
        form, place = self._form, '"%s"' if is_plain else "%s"
        figures = form.fields(_DURATION, '"%.3fms"') + form.fields(_NUMBERS, "%d")
        return self._own + form.fields(_TEXTS, place) + figures + form.fields(further, place)


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


def _texts(exchange: Exchange) -> tuple[str, ...]:
    """What is told of every request."""
    asked = exchange.asked
    return (
        exchange.id,
        exchange.method,
        asked.host,
        exchange.uri,
        exchange.remote,
        asked.user_agent,
    )


def _further(exchange: Exchange) -> dict[str, str]:
    """What else is told where there is anything to tell."""
    asked = exchange.asked
    told = {
        **exchange.notes,
        "http.request.referer": asked.referer,
        "http.request.contenttype": asked.content_type,
        "http.response.contenttype": exchange.response_type,
    }
    return {name: value for name, value in told.items() if value}


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

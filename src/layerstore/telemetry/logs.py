"""Where log lines come from: what the program itself has to say. Requests are `requests.py`'s.

Every process loads this file, also the one that does nothing but keep others: it stays small.
"""

import logging
import os
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from layerstore.telemetry.lines import FORMATS

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


class LogSettings(NamedTuple):
    """What the configuration says under `log`; `fields` stand in every structured line."""

    level: str = "info"
    formatter: str = "text"
    fields: Mapping[str, str] = MappingProxyType({})
    access: bool = True


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
        write_all(descriptor, line.encode("ascii", "backslashreplace") + b"\n")

    return write


def write_all(descriptor: int, data: bytes) -> None:
    """Write it; nothing happens where nobody reads."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return  # nobody reads the log any more; serving goes on


def _trouble(record: logging.LogRecord) -> dict[str, str]:
    if record.exc_info is None or record.exc_info[1] is None:
        return {}
    error = record.exc_info[1]
    lines = "".join(traceback.format_exception(error)).splitlines()[-TRACEBACK_LINES_MAX:]
    return {"err.message": f"{type(error).__name__}: {error}", "err.stack": "\n".join(lines)}


def _level_name(level: int) -> str:
    return next((name for name, least in LEVELS.items() if level >= least), "debug")

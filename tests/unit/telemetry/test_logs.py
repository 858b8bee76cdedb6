"""What is written down about requests and by the program, and at which level."""

import json
import logging
import os
import select
from pathlib import Path
from typing import Any

import msgspec
import pytest

from layerstore.telemetry.logs import TRACEBACK_LINES_MAX, LineHandler, LogSettings, line_writer
from layerstore.telemetry.requests import Asked, Exchange, GatheringWriter, RequestLog
from tests.fakes import EPOCH

EXCHANGE = Exchange(
    moment=EPOCH,
    id="0f",
    method="PUT",
    uri="/v2/a/manifests/1?x=%0A",
    protocol="HTTP/1.1",
    remote="192.0.2.1",
    asked=Asked("registry.example", "probe/1", "", "text/x"),
    status=201,
    response_type="",
    sent=0,
    received=12,
    duration_s=0.0123456,
    notes={"vars.name": "a", "auth.user.name": "alice", "vars.reference": ""},
)

JSON = LogSettings(formatter="json", fields={"service": "registry"})


def written(exchange: Exchange, settings: LogSettings) -> tuple[list[str], list[str]]:
    """The structured lines and the access lines."""
    lines: list[str] = []
    access: list[str] = []
    RequestLog(settings, lines.append, access.append)(exchange)
    return lines, access


def structured(exchange: Exchange, settings: LogSettings = JSON) -> dict[str, Any]:
    (line,), _ = written(exchange, settings)
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_request_is_one_line_with_the_names_of_the_original() -> None:
    assert structured(EXCHANGE) == {
        "time": "2026-01-02T03:04:05.678Z",
        "level": "info",
        "msg": "response completed",
        "service": "registry",
        "http.request.id": "0f",
        "http.request.method": "PUT",
        "http.request.host": "registry.example",
        "http.request.uri": "/v2/a/manifests/1?x=%0A",
        "http.request.remoteaddr": "192.0.2.1",
        "http.request.useragent": "probe/1",
        "http.request.contenttype": "text/x",
        "http.request.received": 12,
        "http.response.status": 201,
        "http.response.written": 0,
        "http.response.duration": "12.346ms",
        "vars.name": "a",
        "auth.user.name": "alice",
    }


def test_a_request_is_one_line_of_the_access_log() -> None:
    _, access = written(EXCHANGE, JSON)
    assert access == [
        "192.0.2.1 - alice [02/Jan/2026:03:04:05 +0000] "
        '"PUT /v2/a/manifests/1?x=%0A HTTP/1.1" 201 0 "-" "probe/1"'
    ]


def test_the_access_log_can_be_switched_off() -> None:
    assert written(EXCHANGE, JSON._replace(access=False))[1] == []


def test_an_error_of_the_client_is_information_and_one_of_ours_is_an_error() -> None:
    refused = msgspec.structs.replace(EXCHANGE, status=404, notes={"err.code": "NAME_UNKNOWN"})
    broken = msgspec.structs.replace(EXCHANGE, status=500)
    assert structured(refused)["level"] == "info"
    assert structured(broken)["level"] == "error"
    for exchange in (refused, broken):
        assert structured(exchange)["msg"] == "response completed with error"


@pytest.mark.parametrize(("level", "count"), [("debug", 2), ("info", 2), ("warn", 1), ("error", 1)])
def test_the_level_decides_which_requests_are_told(level: str, count: int) -> None:
    settings = JSON._replace(level=level)
    exchanges = [EXCHANGE, msgspec.structs.replace(EXCHANGE, status=503)]
    assert sum(len(written(exchange, settings)[0]) for exchange in exchanges) == count


def program(settings: LogSettings) -> tuple[logging.Logger, list[str]]:
    """A logger of its own, and the lines that it writes."""
    lines: list[str] = []
    logger = logging.getLogger("layerstore.probe")
    logger.propagate = False
    logger.handlers[:] = [LineHandler(settings, lines.append)]
    return logger, lines


def test_what_the_program_logs_has_the_same_form() -> None:
    logger, lines = program(JSON)
    logger.warning("the disk %s is full", "a\nb")
    told = json.loads(lines[0])
    del told["time"]
    assert told == {
        "level": "warn",
        "msg": "the disk a\nb is full",
        "service": "registry",
        "logger": "layerstore.probe",
    }
    assert "\n" not in lines[0]


def test_the_level_decides_what_the_program_says() -> None:
    logger, lines = program(JSON._replace(level="error"))
    logger.warning("not told")
    logger.critical("told")
    assert [json.loads(line)["level"] for line in lines] == ["error"]


def test_an_exception_is_told_on_the_same_line_and_not_without_end() -> None:
    def fall(depth: int) -> None:
        if depth:
            fall(depth - 1)
        raise LookupError("at the bottom")

    logger, lines = program(JSON)
    try:
        fall(100)
    except LookupError:
        logger.exception("it broke")
    (line,) = lines
    told = json.loads(line)
    assert told["err.message"] == "LookupError: at the bottom"
    assert len(told["err.stack"].splitlines()) <= TRACEBACK_LINES_MAX


def test_a_line_is_written_whole_in_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    line_writer(descriptor)("a line")
    os.close(descriptor)
    assert path.read_bytes() == b"a line\n"


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line_writer(writing)("a line")
    os.close(writing)


def test_lines_that_were_gathered_are_written_together_and_none_is_torn() -> None:
    """Each call to the system takes whole lines, no more than a pipe takes at once."""
    reading, writing = os.pipe()
    lines = [f"{number:03}" + "x" * 997 for number in range(10)]
    writer = GatheringWriter(writing)
    for line in lines:
        writer(line)
    assert not select.select([reading], [], [], 0)[0]
    writer.flush()
    assert os.read(reading, 65_536).splitlines() == [line.encode() for line in lines]
    os.close(reading)
    os.close(writing)


def test_what_has_gathered_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    writer = GatheringWriter(descriptor)
    writer("a line")
    writer.flush()
    writer.flush()
    os.close(descriptor)
    assert path.read_bytes() == b"a line\n"

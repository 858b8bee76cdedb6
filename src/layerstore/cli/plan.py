"""From a configuration to what workers are told.

Knows the settings and the assignment; starts nothing, and opens nothing but the files that it
writes into the parent's private folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from layerstore import __version__
from layerstore.cli.assignment import Assignment, Tls
from layerstore.cli.private import write_private
from layerstore.config import Config
from layerstore.telemetry.logs import LogSettings

DRAIN_DEFAULT_S: Final = 30.0
"""Seconds that running transfers may take at the end, where `http.draintimeout` is 0."""


def log_settings(config: Config, fields: Mapping[str, str]) -> LogSettings:
    """What the configuration says under `log`; `fields` stand in each line before its own."""
    log = config.log
    return LogSettings(
        level=log.level,
        formatter=log.formatter,
        fields={**fields, "version": __version__, **log.fields},
        access=not log.accesslog.disabled,
    )


def assignment(
    config: Config,
    written: Path,
    page: Path,
    listeners: Sequence[int],
    log: LogSettings,
    tls: Tls | None = None,
) -> Assignment:
    """What each worker is told; the configuration is put into the new file `written`."""
    write_private(written, msgspec.json.encode(config))
    return Assignment(
        configuration=written,
        page=page,
        listeners=tuple(listeners),
        drain_s=config.http.draintimeout or DRAIN_DEFAULT_S,
        log=log,
        tls=tls,
        http2=config.http.http2.enabled,
    )

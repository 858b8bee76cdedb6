"""From where a configuration stands to what workers are told.

Knows the settings and the assignment; starts nothing, and opens nothing but the files that it
writes into the parent's private folder.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from layerstore import __version__
from layerstore.cli.assignment import Assignment, Tls, encoded
from layerstore.cli.certificates import certificates
from layerstore.cli.orders import Orders, Source
from layerstore.cli.private import write_private
from layerstore.cli.signs import signs_of
from layerstore.config import Config
from layerstore.config.loading import Loaded, load
from layerstore.telemetry.logs import LogSettings

DRAIN_DEFAULT_S: Final = 30.0
"""Seconds that running transfers may take at the end, where `http.draintimeout` is 0."""


def load_from(source: Source) -> Loaded:
    """Read the configuration, anew each time. Raises ConfigError."""
    path = Path(source.path) if source.path is not None else None
    return load(path, {**os.environ, **source.options})


def files_followed(config: Config) -> list[str]:
    """Files whose change asks for a renewal: the certificate, its key, the clients' authorities."""
    tls = config.http.tls
    return [path for path in (tls.certificate, tls.key, *tls.clientcas) if path]


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


def planned(
    before: Orders,
    config: Config,
    folder: Path,
    number: int,
) -> Orders:
    """The same orders for another configuration, which is settled; its files have this number.

    Raises ConfigError when its certificates are not good.
    """
    signs = signs_of(files_followed(config))
    certified = certificates(config.http.tls)
    written = folder / f"configuration-{number}"
    log = log_settings(config, before.fields)
    tls = certified.copied(folder / f"tls-{number}") if certified else None
    told = assignment(config, written, Path(before.page), before.listeners, log, tls)
    return before._replace(
        configuration=str(written),
        assignment=encoded(told),
        drain_s=told.drain_s,
        log=log,
        signs=signs,
    )

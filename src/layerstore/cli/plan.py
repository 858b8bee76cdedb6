"""From where a configuration stands to what workers are told.

Knows the settings and the assignment; starts nothing, and opens nothing but the files that it
writes into the parent's private folder.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from layerstore import __version__
from layerstore.cli.assignment import Assignment, Tls, encoded
from layerstore.cli.certificates import Certificates, certificates
from layerstore.cli.orders import Plan, Source
from layerstore.cli.private import write_private
from layerstore.cli.signs import Signs, signs_of
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


class Checked(NamedTuple):
    """A configuration, settled, with what its certificate files held and by what they are known."""

    config: Config
    certified: Certificates | None
    signs: Signs


def checked(config: Config) -> Checked:
    """Read the files once, before anybody can connect. Raises ConfigError when one is not good."""
    signs = signs_of(files_followed(config))
    return Checked(config, certificates(config.http.tls), signs)


def planned(
    checked: Checked,
    written: Path,
    page: Path,
    listeners: Sequence[int],
    fields: Mapping[str, str],
) -> Plan:
    """What the configuration comes to; it is put into the new file `written`."""
    config, certified, signs = checked
    log = log_settings(config, fields)
    tls = certified.copied(written.with_name(f"tls-of-{written.name}")) if certified else None
    told = assignment(config, written, page, listeners, log, tls)
    return Plan(str(written), encoded(told), told.drain_s, log, signs)

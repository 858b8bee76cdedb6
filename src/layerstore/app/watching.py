"""What the health of a server is judged by."""

from pathlib import Path

from layerstore.app.stores import open_driver
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.health import HttpHealth, TcpHealth
from layerstore.debug.checks import (
    TIMEOUT_DEFAULT_S,
    FileCheck,
    HttpCheck,
    StorageCheck,
    TcpCheck,
)
from layerstore.debug.health import Repeated
from layerstore.web.sockets import AddressInvalid, parse_address


def health_checks(config: Config, clock: Clock) -> list[Repeated]:
    """What `health` says is looked at. Raises ConfigError, StorageError."""
    health = config.health
    checks = [
        *(Repeated(FileCheck(Path(item.file)), item.interval) for item in health.file),
        *(Repeated(_http_check(item), item.interval, item.threshold) for item in health.http),
        *(Repeated(_tcp_check(item), item.interval, item.threshold) for item in health.tcp),
    ]
    storage = health.storagedriver
    if storage.enabled:
        check = StorageCheck(open_driver(config, clock))
        checks.append(Repeated(check, storage.interval, storage.threshold))
    return checks


def _http_check(item: HttpHealth) -> HttpCheck:
    headers = {name: ", ".join(values) for name, values in item.headers.items()}
    return HttpCheck(item.uri, item.statuscode, headers, item.timeout or TIMEOUT_DEFAULT_S)


def _tcp_check(item: TcpHealth) -> TcpCheck:
    try:
        host, port = parse_address(item.addr)
    except AddressInvalid as error:
        raise ConfigError(f"health.tcp: {error}") from error
    return TcpCheck(host or "localhost", port, item.timeout or TIMEOUT_DEFAULT_S)

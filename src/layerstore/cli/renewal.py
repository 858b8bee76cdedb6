"""A renewal: the configuration is read anew, in a process that ends when that is done.

It leaves new orders to the process that keeps the workers, or says why everything stays as it was.
"""

import logging
import sys
from pathlib import Path

import msgspec
from msgspec import structs

from layerstore.app.stores import worker_count
from layerstore.cli.certificates import certificates
from layerstore.cli.keeper import RENEWAL_REFUSED
from layerstore.cli.orders import Orders, encoded, read_orders
from layerstore.cli.plan import assignment, files_followed, load_from, log_settings
from layerstore.cli.private import write_private
from layerstore.cli.signs import signs_of
from layerstore.config import Config, ConfigError
from layerstore.telemetry.logs import log_program

_log = logging.getLogger("layerstore.cli.renewal")


def main() -> None:
    """From the orders in the first file to those in the second, which is made."""
    before, after = read_orders(Path(sys.argv[1])), Path(sys.argv[2])
    log_program(before.assignment.log)
    try:
        renewed = _renewed(before, after)
    except ConfigError as error:
        _log.error("the configuration stays as it was: %s", error)
        sys.exit(RENEWAL_REFUSED)
    write_private(after, encoded(renewed))


def _renewed(before: Orders, after: Path) -> Orders:
    """Raises ConfigError."""
    loaded = load_from(before.source)
    kept = msgspec.json.decode(before.assignment.configuration.read_bytes(), type=Config)
    config = settled_again(loaded.config, kept)
    signs = signs_of(files_followed(config))
    certified = certificates(config.http.tls)
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    told = assignment(
        config,
        after.with_name(f"configuration-of-{after.name}"),
        before.assignment.page,
        before.assignment.listeners,
        log_settings(config, before.fields),
        certified.copied(after.with_name(f"tls-of-{after.name}")) if certified else None,
    )
    return structs.replace(before, assignment=told, signs=signs, warnings=())


def settled_again(config: Config, before: Config) -> Config:
    """The new configuration with the old secret if it has none. Raises ConfigError."""
    if "inmemory" in (config.storage.driver, before.storage.driver):
        raise ConfigError("what is stored in memory would be lost with the worker that has it")
    if (config.http.addr, config.http.net) != (before.http.addr, before.http.net):
        raise ConfigError("http.addr and http.net change with a restart only")
    if bool(config.http.tls.certificate) != bool(before.http.tls.certificate):
        raise ConfigError("http.tls is switched on and off with a restart only")
    if config.http.debug != before.http.debug:
        raise ConfigError("http.debug changes with a restart only")
    if config.health != before.health:
        raise ConfigError("health changes with a restart only")
    if worker_count(config) != worker_count(before):
        raise ConfigError("http.workers changes with a restart only")
    if config.http.secret:
        return config
    kept = structs.replace(config.http, secret=before.http.secret)
    return structs.replace(config, http=kept)


if __name__ == "__main__":
    main()

"""A renewal: the configuration is read anew, in a process that ends when that is done.

It leaves new orders to the process that keeps the workers, or says why everything stays as it was.
"""

import logging
import sys
from pathlib import Path

import msgspec
from msgspec import structs

from layerstore.app.stores import worker_count
from layerstore.cli.keeper import RENEWAL_REFUSED
from layerstore.cli.orders import Orders, encoded, orders_file, read_orders
from layerstore.cli.plan import checked, load_from, planned
from layerstore.cli.private import write_private
from layerstore.config import Config, ConfigError
from layerstore.telemetry.logs import log_program

_log = logging.getLogger("layerstore.cli.renewal")


def main() -> None:
    """In the folder of the first argument, from orders of one number to those of another one."""
    folder, in_force, new = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    before = read_orders(orders_file(folder, in_force))
    log_program(before.plan.log)
    try:
        loaded = load_from(before.source)
        renewed = checked(settled_again(loaded.config, _config_of(before)))
        written, page = folder / f"configuration-{new}", Path(before.page)
        plan = planned(renewed, written, page, before.listeners, before.fields)
    except ConfigError as error:
        _log.error("the configuration stays as it was: %s", error)
        sys.exit(RENEWAL_REFUSED)
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    write_private(orders_file(folder, new), encoded(before._replace(plan=plan)))


def _config_of(orders: Orders) -> Config:
    return msgspec.json.decode(Path(orders.plan.configuration).read_bytes(), type=Config)


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

"""Who signs and verifies manifests of schema 1, with which key."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from layerstore.app.stores import storage_folder
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.oci.webkeys import CHANCE_BYTES, KeyInvalid
from layerstore.registry.downgrade import Downgrade
from layerstore.registry.notary import Notary
from layerstore.storage.ours import SCHEMA1_KEY, kept

if TYPE_CHECKING:
    from layerstore.oci.keys import PrivateKey

_log = logging.getLogger(__name__)


def open_notary(config: Config, clock: Clock) -> Notary:
    """Who signs and verifies schema 1. Raises ConfigError when its key cannot be used."""
    settings, folder = config.compatibility.schema1, storage_folder(config)
    if settings.signingkeyfile:
        given = _given_key(Path(settings.signingkeyfile))
        return Notary(clock, takes_pushes=settings.enabled, key=lambda: given)
    key = (lambda: _kept_key(folder, clock)) if folder else None
    return Notary(clock, takes_pushes=settings.enabled, key=key)


def _given_key(path: Path) -> "PrivateKey":
    from layerstore.oci.keys import private_key  # 9 MiB, for who has a key

    where = f"compatibility.schema1.signingkeyfile: {path}"
    try:
        return private_key(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "input or output failed").lower()
        raise ConfigError(f"{where}: {reason}") from error
    except KeyInvalid as error:
        raise ConfigError(f"{where}: {error}") from error


def _kept_key(folder: Path, clock: Clock) -> "PrivateKey":
    """The key that the storage folder keeps, made when it is needed first.

    A folder that cannot be written, or a damaged file, is no reason to serve nothing: the key is
    one for this process then.
    """

    from layerstore.oci.keys import new_private_key, private_key  # 9 MiB, for who signs

    def made() -> "PrivateKey":
        return new_private_key(clock.token(CHANCE_BYTES))

    try:
        return private_key(kept(folder, SCHEMA1_KEY, lambda: made().as_pem(), clock.new_id))
    except (OSError, KeyInvalid) as error:
        _log.warning("the key that signs schema 1 manifests is not kept: %s", error)
        return made()


def open_downgrade(config: Config, notary: Notary) -> Downgrade | None:
    """What makes schema 1 for old clients; None where that is switched off."""
    if not config.compatibility.schema1.enabled:
        return None
    return Downgrade(notary, writes=not config.storage.maintenance.readonly.enabled)

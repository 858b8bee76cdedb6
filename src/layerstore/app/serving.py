"""One process of a server: everything that answers requests, and what no request asks for."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from layerstore.api.admission import PageGate
from layerstore.api.dispatch import Api
from layerstore.api.options import ApiOptions
from layerstore.app.entrance import open_entrance
from layerstore.app.notaries import open_downgrade, open_notary
from layerstore.app.registries import join_registry, locks_folder
from layerstore.app.stores import choose_driver, object_store, storage_folder, worn
from layerstore.clock import Clock
from layerstore.config import Config
from layerstore.oci.errors import RegistryError
from layerstore.registry.local import LocalRegistry
from layerstore.storage.driver import StorageDriver, StorageError
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.telemetry.metrics import Metrics
from layerstore.telemetry.page import Page
from layerstore.upkeep.duties import Duty, Upkeep
from layerstore.upkeep.leftovers import leftover_duties
from layerstore.upkeep.post import Post
from layerstore.upkeep.purge import purge_old_uploads
from layerstore.web.asgi import Limits
from layerstore.web.message import Request, Response

if TYPE_CHECKING:
    from layerstore.storage.objects.driver import ObjectStoreDriver

_log = logging.getLogger(__name__)


_NO_CONDITIONS: Final = (
    "this store does not keep the conditions of writes (If-Match, If-None-Match): several "
    "instances of this registry on it are unsafe, for two of them may write one upload"
)


@dataclass(frozen=True, slots=True)
class App:
    """One process's registry, ready to answer."""

    api: Api
    driver: StorageDriver
    upkeep: Upkeep
    store: "ObjectStoreDriver | None" = None

    @property
    def handle(self) -> Callable[[Request], Awaitable[Response]]:
        """Gives the answer to a request; never raises."""
        return self.api.handle

    def refuse(self, error: RegistryError) -> Response:
        """The answer to what never became a request."""
        return self.api.refuse(error)

    async def start(self) -> None:
        """Look at the storage once, and begin what no request asks for.

        A storage that cannot be reached now may be later: it is reported.
        """
        try:
            await self.driver.stat("/")
            if self.store is not None and not await self.store.start():
                _log.warning(_NO_CONDITIONS)
        except StorageError as error:
            _log.error("the storage cannot be used: %s", error.reason)
        self.upkeep.start()

    async def drain(self) -> None:
        """Requests may go on; what no request asked for is broken off."""
        await self.upkeep.stop()

    async def stop(self) -> None:
        """Give connections back. Nothing is kept that would have to be written."""
        if self.store is not None:
            await self.store.close()


def build(config: Config, page: Page, clock: Clock, shared: Path | None = None) -> App:
    """The application that a configuration describes. Raises ConfigError, StorageError.

    `shared` is a folder that the processes of this server see, and nobody else need.
    """
    inner = choose_driver(config, clock)
    driver = worn(config, inner, clock, Metrics(page).storage)
    notary = open_notary(config, clock)
    registry = join_registry(config, driver, clock, notary)
    entrance = open_entrance(config, clock)
    api = Api(
        registry,
        entrance.authority,
        _options(config),
        gate=PageGate(page, config.limits.uploadsperclient),
        downgrade=open_downgrade(config, notary),
        passes=entrance.passes,
    )
    store = object_store(config, inner)
    return App(api, driver, _upkeep(config, inner, registry, clock, shared), store)


def _upkeep(
    config: Config,
    driver: StorageDriver,
    registry: LocalRegistry,
    clock: Clock,
    shared: Path | None,
) -> Upkeep:
    """What this process does beside requests; `driver` is the one that no wrapper hides.

    One process of all that serve a folder does it, or one of each server on another storage.
    """
    folder, purging = storage_folder(config), config.storage.maintenance.uploadpurging
    locks = locks_folder(folder) if folder else shared
    duties = leftover_duties(driver) if isinstance(driver, FilesystemDriver) else []
    if purging.enabled:
        purge = partial(purge_old_uploads, registry, clock, purging.age, dryrun=purging.dryrun)
        duties.append(Duty("upload purging", purge, purging.interval))
    return Upkeep(duties, Post(locks / "upkeep" if locks else None), clock)


def edge_limits(config: Config) -> Limits:
    """What a request may cost before it is one."""
    limits = config.limits
    return Limits(
        path_bytes_max=limits.pathbytes,
        query_bytes_max=limits.querybytes,
        header_bytes_max=limits.headerbytes,
        progress_s=limits.progresstimeout,
        rate_min=limits.leastrate,
        rate_window_s=limits.ratewindow,
    )


def _options(config: Config) -> ApiOptions:
    http, storage = config.http, config.storage
    return ApiOptions(
        secret=http.secret.encode(),
        host=http.host or None,
        prefix=http.prefix or "/",
        relative_urls=http.relativeurls,
        headers=tuple(
            (name.lower(), value) for name, values in http.headers.items() for value in values
        ),
        delete_enabled=storage.delete.enabled,
        readonly=storage.maintenance.readonly.enabled,
        redirect=not storage.redirect.disable,
        catalog_entries_max=config.catalog.maxentries,
        tags_max=config.tags.maxtags,
        manifest_bytes_max=config.limits.manifestbytes,
        tags_per_push_max=config.limits.tagsperpush,
    )

"""Where objects meet: from a configuration to a registry that answers requests.

Nothing is decided here that a room could decide; the rooms are chosen, filled with settings and
joined, once for each process.
"""

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import structs

from layerstore import __version__
from layerstore.api.admission import PageGate
from layerstore.api.calls import IssueToken
from layerstore.api.dispatch import Api
from layerstore.api.locations import base_of
from layerstore.api.options import ApiOptions
from layerstore.api.routes import build as build_address
from layerstore.auth.access import Authority, AuthorityUnusable, OpenAuthority
from layerstore.auth.htpasswd import HtpasswdAuthority
from layerstore.auth.passes import PassAuthority, Passes
from layerstore.auth.policies import PolicyAuthority, Rule, checked_rules
from layerstore.auth.silly import SillyAuthority
from layerstore.auth.token import TokenAuthority, TokenSettings
from layerstore.clock import Clock
from layerstore.config import Config, ConfigError
from layerstore.config.auth import Token
from layerstore.config.drivers import S3, Azure, StorageMiddleware
from layerstore.config.health import HttpHealth, TcpHealth
from layerstore.config.stores import azure_settings, gcs_settings
from layerstore.debug.checks import (
    TIMEOUT_DEFAULT_S,
    FileCheck,
    HttpCheck,
    StorageCheck,
    TcpCheck,
)
from layerstore.debug.health import Repeated
from layerstore.oci.errors import RegistryError
from layerstore.oci.keys import (
    CHANCE_BYTES,
    KeyInvalid,
    PrivateKey,
    new_private_key,
    private_key,
)
from layerstore.registry.claimed import StoreLocks
from layerstore.registry.downgrade import Downgrade
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import FileLocks, Locks, ProcessLocks
from layerstore.registry.manifests import UNTAGS_AT_ONCE
from layerstore.registry.notary import Notary
from layerstore.registry.references import ManifestRules, pattern_of
from layerstore.storage.driver import StorageDriver, StorageError
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.gcs.settings import GcsSettings
from layerstore.storage.leftovers import Leftovers
from layerstore.storage.memory import MemoryDriver
from layerstore.storage.metered import MeteredDriver, Observe
from layerstore.storage.objects.driver import ObjectStoreDriver
from layerstore.storage.objects.unusable import StoreUnusable
from layerstore.storage.ours import (
    OWN_FOLDER,
    SCHEMA1_KEY,
    SECRET_BYTES,
    is_ours,
    kept,
    kept_secret,
    own_folder,
    unwritable,
)
from layerstore.storage.redirects import CloudFront, Redirect, RedirectInvalid, Rewrite, UrlStep
from layerstore.storage.s3.address import DEFAULT_REGION, AddressUnusable, Place
from layerstore.storage.s3.settings import NewObjects, S3Settings
from layerstore.telemetry.metrics import Metrics
from layerstore.telemetry.page import Page
from layerstore.upkeep.check.findings import Report
from layerstore.upkeep.check.run import Check, Wishes
from layerstore.upkeep.duties import Duty, Upkeep
from layerstore.upkeep.leftovers import leftover_duties
from layerstore.upkeep.post import Post
from layerstore.upkeep.purge import purge_old_uploads
from layerstore.web.asgi import Limits
from layerstore.web.message import Request, Response
from layerstore.web.sockets import AddressInvalid, parse_address

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
    store: ObjectStoreDriver | None = None

    async def handle(self, request: Request) -> Response:
        """The answer to a request; never raises."""
        return await self.api.handle(request)

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
    inner = _driver(config, clock)
    driver = _worn(config, inner, clock, Metrics(page).storage)
    notary = open_notary(config, clock)
    registry = _registry(config, driver, clock, notary)
    entrance = _entrance(config, clock)
    api = Api(
        registry,
        entrance.authority,
        _options(config),
        gate=PageGate(page, config.limits.uploadsperclient),
        downgrade=_downgrade(config, notary),
        passes=entrance.passes,
    )
    store = inner if isinstance(inner, ObjectStoreDriver) else None
    return App(api, driver, _upkeep(config, inner, registry, clock, shared), store)


@asynccontextmanager
async def opened_storage(config: Config, clock: Clock) -> AsyncIterator[StorageDriver]:
    """The storage for as long as a command works on it. Raises ConfigError, StorageError."""
    inner = _driver(config, clock)
    store = inner if isinstance(inner, ObjectStoreDriver) else None
    try:
        if store is not None:
            await store.start()
        yield _worn(config, inner, clock, lambda *_: None)
    finally:
        if store is not None:
            await store.close()


def open_registry(
    config: Config, clock: Clock, driver: StorageDriver | None = None
) -> LocalRegistry:
    """The same registry without a server, for commands that work beside one.

    Raises ConfigError, StorageError.
    """
    storage = driver or open_driver(config, clock)
    return _registry(config, storage, clock, open_notary(config, clock))


def open_check(
    config: Config, clock: Clock, driver: StorageDriver, wishes: Wishes, report: Report
) -> Check:
    """A look for damage in what the configuration stores, beside a server or without one.

    Keys are taken where this user may make their files without being in the server's way: in a
    folder of its own. Raises StorageError.
    """
    folder = storage_folder(config)
    return Check(
        driver,
        _locks(folder if folder and is_ours(folder) else None, driver, clock),
        clock,
        _rules(config),
        wishes,
        report,
        Leftovers(folder) if folder else None,
    )


def open_notary(config: Config, clock: Clock) -> Notary:
    """Who signs and verifies schema 1. Raises ConfigError when its key cannot be used."""
    settings, folder = config.compatibility.schema1, storage_folder(config)
    if settings.signingkeyfile:
        given = _given_key(Path(settings.signingkeyfile))
        return Notary(clock, takes_pushes=settings.enabled, key=lambda: given)
    key = (lambda: _kept_key(folder, clock)) if folder else None
    return Notary(clock, takes_pushes=settings.enabled, key=key)


def settle(config: Config, clock: Clock) -> Config:
    """The configuration with what all workers have to agree on: the secret of upload sessions.

    Without `http.secret` it is the one that the storage folder keeps, so that sessions outlive the
    server; in memory it is a new one. A missing password file is made. Raises ConfigError where
    the folder cannot be written, though it is not read-only, or nobody could be let in.
    """
    _entrance(config, clock)
    _url_steps(config, clock)
    open_notary(config, clock)
    folder = storage_folder(config)
    if folder and _is_no_folder(folder):
        raise ConfigError(f"storage.filesystem.rootdirectory: {folder} is no folder")
    if folder and (locked := unwritable(folder)):
        if not config.storage.maintenance.readonly.enabled:
            raise ConfigError(_may_not_write(locked))
        folder = None  # nothing is uploaded, so no session needs a secret that lasts
    if config.http.secret:
        return config
    try:
        secret = (
            kept_secret(folder, clock.token, clock.new_id)
            if folder
            else clock.token(SECRET_BYTES).hex()
        )
    except OSError as error:
        reason = (error.strerror or "input or output failed").lower()
        raise ConfigError(f"storage.filesystem.rootdirectory: {folder}: {reason}") from error
    return structs.replace(config, http=structs.replace(config.http, secret=secret))


def _is_no_folder(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # what cannot be a path is told of where it is used
        return False


def _may_not_write(folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return (
            f"storage.filesystem.rootdirectory: {folder} lies on a read-only file system: mount it "
            "for writing, or let storage.maintenance.readonly say that nothing is pushed"
        )
    found, user, group = folder.stat(), os.geteuid(), os.getegid()
    return (
        f"storage.filesystem.rootdirectory: {folder} belongs to user {found.st_uid} and cannot be "
        f"written by user {user}, as whom this server runs: 'chown -R {user}:{group} {folder}' "
        f"gives it to that user, or run the server as user {found.st_uid}"
    )


def storage_folder(config: Config) -> Path | None:
    """Where the filesystem driver keeps everything; None with any other driver."""
    filesystem = config.storage.filesystem
    return Path(filesystem.rootdirectory) if filesystem is not None else None


def open_driver(config: Config, clock: Clock, observe: Observe = lambda *_: None) -> StorageDriver:
    """The storage that the configuration chooses; `observe` hears how long each of its steps takes.

    Raises ConfigError, StorageError.
    """
    return _worn(config, _driver(config, clock), clock, observe)


def _worn(config: Config, driver: StorageDriver, clock: Clock, observe: Observe) -> StorageDriver:
    return MeteredDriver(driver, clock, observe, _url_steps(config, clock))


def _url_steps(config: Config, clock: Clock) -> list[UrlStep]:
    steps = enumerate(config.middleware.storage)
    return [_url_step(place, item, clock) for place, item in steps if not item.disabled]


def _url_step(place: int, item: StorageMiddleware, clock: Clock) -> UrlStep:
    options = item.options
    try:
        match item.name:
            case "redirect":
                return Redirect(options.baseurl)
            case "rewrite":
                return Rewrite(options.scheme, options.host, options.trimpathprefix)
            case "cloudfront":
                key = Path(options.privatekey).read_bytes()
                return CloudFront(options.baseurl, key, options.keypairid, options.duration, clock)
            case other:
                raise ConfigError(
                    f"middleware.storage[{place}].name: there is none called {other!r}"
                )
    except RedirectInvalid as error:
        raise ConfigError(f"middleware.storage[{place}].options.{error}") from error
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        where = f"middleware.storage[{place}].options.privatekey"
        raise ConfigError(f"{where}: {options.privatekey}: {reason}") from error


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


def _driver(config: Config, clock: Clock) -> StorageDriver:
    storage = config.storage
    match storage.driver:
        case "filesystem" if storage.filesystem is not None:
            folder = Path(storage.filesystem.rootdirectory)
            return FilesystemDriver(folder, clock, storage.filesystem.maxthreads)
        case "inmemory":
            return MemoryDriver(clock)
        case "s3" if storage.s3 is not None:
            return _s3_driver(storage.s3, clock, worker_count(config))
        case "gcs" if storage.gcs is not None:
            return _gcs_driver(gcs_settings(storage.gcs, worker_count(config)), clock)
        case "azure" if storage.azure is not None:
            return _azure_driver(storage.azure, clock, worker_count(config))
        case other:
            raise ConfigError(f"storage.{other}: nothing is stored there")


def worker_count(config: Config) -> int:
    """`http.workers`, or as many as there are cores; memory that one process has serves one."""
    if config.storage.driver == "inmemory":
        return 1
    return config.http.workers or len(os.sched_getaffinity(0))


def _s3_driver(s3: S3, clock: Clock, workers: int) -> ObjectStoreDriver:
    place = Place(
        bucket=s3.bucket,
        region=s3.region or DEFAULT_REGION,
        endpoint=s3.regionendpoint,
        path_style=bool(s3.regionendpoint) if s3.forcepathstyle is None else s3.forcepathstyle,
        secure=s3.secure,
        dual_stack=s3.usedualstack,
        fips=s3.usefipsendpoint,
        accelerate=s3.accelerate,
    )
    settings = S3Settings(
        place,
        redirect_endpoint=s3.redirectendpoint,
        access_key=s3.accesskey,
        secret_key=s3.secretkey,
        new_objects=_new_objects(s3),
        verify=not s3.skipverify,
        user_agent=" ".join(filter(None, (f"layerstore/{__version__}", s3.useragent))),
        root=s3.rootdirectory,
        buffers=s3.buffers // workers,
        part_bytes=s3.chunksize,
        whole_copy_bytes_max=s3.multipartcopythresholdsize,
        copied_part_bytes=s3.multipartcopychunksize,
        copied_parts_at_once=s3.multipartcopymaxconcurrency,
    )
    from layerstore.storage.s3.opened import open_s3  # some 20 MiB that nobody else pays

    try:
        return open_s3(settings, clock)
    except AddressUnusable as error:
        raise ConfigError(f"storage.s3: {error}") from error


def _gcs_driver(settings: GcsSettings, clock: Clock) -> ObjectStoreDriver:
    from layerstore.storage.gcs.opened import open_gcs  # as above

    try:
        return open_gcs(settings, clock)
    except StoreUnusable as error:
        raise ConfigError(f"storage.gcs: {error}") from error


def _azure_driver(azure: Azure, clock: Clock, workers: int) -> ObjectStoreDriver:
    from layerstore.storage.azure.opened import open_azure  # as above

    try:
        return open_azure(azure_settings(azure, workers), clock)
    except StoreUnusable as error:
        raise ConfigError(f"storage.azure: {error}") from error


def _new_objects(s3: S3) -> NewObjects:
    """What a store does anyway is not told: not every store knows the words for it."""
    encryption = ("aws:kms" if s3.keyid else "AES256") if s3.encrypt else ""
    return NewObjects(
        encryption=encryption,
        key_id=s3.keyid if s3.encrypt else "",
        storage_class="" if s3.storageclass in ("STANDARD", "NONE") else s3.storageclass,
        acl="" if s3.objectacl == "private" else s3.objectacl,
    )


def _given_key(path: Path) -> PrivateKey:
    where = f"compatibility.schema1.signingkeyfile: {path}"
    try:
        return private_key(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or "input or output failed").lower()
        raise ConfigError(f"{where}: {reason}") from error
    except KeyInvalid as error:
        raise ConfigError(f"{where}: {error}") from error


def _kept_key(folder: Path, clock: Clock) -> PrivateKey:
    """The key that the storage folder keeps, made when it is needed first.

    A folder that cannot be written, or a damaged file, is no reason to serve nothing: the key is
    one for this process then.
    """

    def made() -> PrivateKey:
        return new_private_key(clock.token(CHANCE_BYTES))

    try:
        return private_key(kept(folder, SCHEMA1_KEY, lambda: made().as_pem(), clock.new_id))
    except (OSError, KeyInvalid) as error:
        _log.warning("the key that signs schema 1 manifests is not kept: %s", error)
        return made()


def _downgrade(config: Config, notary: Notary) -> Downgrade | None:
    if not config.compatibility.schema1.enabled:
        return None
    return Downgrade(notary, writes=not config.storage.maintenance.readonly.enabled)


def _registry(config: Config, driver: StorageDriver, clock: Clock, notary: Notary) -> LocalRegistry:
    folder = storage_folder(config)
    return LocalRegistry(
        driver,
        _locks(folder, driver, clock),
        clock,
        _rules(config),
        notary=notary,
        states_since=machine_start() if folder else None,
        untags_at_once=config.storage.tag.concurrencylimit or UNTAGS_AT_ONCE,
    )


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
    locks = _locks_folder(folder) if folder else shared
    duties = leftover_duties(driver) if isinstance(driver, FilesystemDriver) else []
    if purging.enabled:
        purge = partial(purge_old_uploads, registry, clock, purging.age, dryrun=purging.dryrun)
        duties.append(Duty("upload purging", purge, purging.interval))
    return Upkeep(duties, Post(locks / "upkeep" if locks else None), clock)


def _locks(folder: Path | None, driver: StorageDriver, clock: Clock) -> Locks:
    if folder is not None:
        return FileLocks(_locks_folder(folder), clock)
    inner = driver.inner if isinstance(driver, MeteredDriver) else driver
    return StoreLocks(inner.claims) if isinstance(inner, ObjectStoreDriver) else ProcessLocks()


def _locks_folder(folder: Path) -> Path:
    """Where locks are files. What only reads does without: whoever takes one will be told."""
    with suppress(OSError):
        return own_folder(folder) / "locks"
    return folder / OWN_FOLDER / "locks"


def machine_start() -> datetime | None:
    """When this machine started; None where it does not say."""
    try:
        lines = Path("/proc/stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    seconds = next((line.split()[1] for line in lines if line.startswith("btime ")), None)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _rules(config: Config) -> ManifestRules:
    validation, limits = config.validation.in_force, config.limits
    urls, indexes = validation.urls, validation.indexes
    platforms = indexes.platforms
    return ManifestRules(
        references=validation.references,
        platforms=platforms
        if platforms != "list"
        else frozenset((item.os, item.architecture) for item in indexes.platformlist),
        url_allow=pattern_of(urls.allow),
        url_deny=pattern_of(urls.deny),
        classes=frozenset(config.policy.repository.classes),
        bytes_max=limits.manifestbytes,
        references_max=limits.references,
        index_depth_max=limits.indexdepth,
    )


class _Entrance(NamedTuple):
    """Who decides who may come in, and the passes that are handed out there, if any."""

    authority: Authority
    passes: Passes | None = None


def _entrance(config: Config, clock: Clock) -> _Entrance:
    """The check and the rules of `auth`. Raises ConfigError."""
    try:
        rules = checked_rules(
            [structs.asdict(rule) for rule in config.auth.policies], config.auth.groups
        )
        entrance = _check_of_callers(config, rules, clock)
    except AuthorityUnusable as error:
        raise ConfigError(str(error)) from error
    if not rules:
        return entrance
    return entrance._replace(authority=PolicyAuthority(entrance.authority, rules))


def _check_of_callers(config: Config, rules: Sequence[Rule], clock: Clock) -> _Entrance:
    auth = config.auth
    if auth.htpasswd is not None:
        passwords = HtpasswdAuthority(Path(auth.htpasswd.path), auth.htpasswd.realm, clock)
        if any(rule.fits_everybody for rule in rules):
            return _with_passes(passwords, config, clock)
        return _Entrance(passwords)
    if auth.token is not None:
        return _Entrance(TokenAuthority(_token_settings(auth.token), clock))
    if auth.silly is not None:
        return _Entrance(SillyAuthority(auth.silly.realm, auth.silly.service))
    return _Entrance(OpenAuthority())


def _with_passes(passwords: HtpasswdAuthority, config: Config, clock: Clock) -> _Entrance:
    """Where rules let everybody do something, clients without a password need a pass for it."""
    secret = config.http.secret.encode() or clock.token(SECRET_BYTES)
    passes = Passes(secret, clock, passwords.hash_of)
    path = config.http.prefix.rstrip("/") + build_address(IssueToken())
    host = base_of(config.http.host) if config.http.host else None
    authority = PassAuthority(passwords, passes, path, host)
    return _Entrance(authority, passes)


def _token_settings(token: Token) -> TokenSettings:
    return TokenSettings(
        realm=token.realm,
        service=token.service,
        issuer=token.issuer,
        bundle=Path(token.rootcertbundle) if token.rootcertbundle else None,
        jwks=Path(token.jwks) if token.jwks else None,
        algorithms=frozenset(token.signingalgorithms),
        autoredirect=token.autoredirect,
        autoredirect_path=token.autoredirectpath,
        delete_scope=token.deletescope,
    )


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

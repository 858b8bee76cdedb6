"""What a configuration asks for that cannot be done here, and what has no effect."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import structs

from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.bearer import ALGORITHMS
from layerstore.auth.policies import checked_rules
from layerstore.config.drivers import S3, Azure, Gcs, GcsCredentials
from layerstore.config.http import WORKERS_MAX, Http
from layerstore.config.stores import azure_settings
from layerstore.config.tree import Config
from layerstore.storage.azure.settings import BLOCK_BYTES_MAX, BLOCK_BYTES_MIN
from layerstore.storage.gcs.address import endpoint_of
from layerstore.storage.gcs.settings import CALLS_AT_ONCE_MIN, CHUNK_STEP
from layerstore.storage.objects.sizes import PART_BYTES_MAX, PART_BYTES_MIN
from layerstore.storage.objects.unusable import StoreUnusable
from layerstore.storage.redirects import Redirect, RedirectInvalid
from layerstore.storage.s3.address import AddressUnusable, Place
from layerstore.web.proxies import proxies
from layerstore.web.sockets import AddressInvalid, parse_address

_SERVED_DRIVERS: Final = ("filesystem", "inmemory", "s3", "gcs", "azure")


def refusals(config: Config) -> list[str]:
    """Why serving with this configuration would be wrong; nothing if it would not."""
    checks = (_storage, _auth, _policies, _tls, _http, _health, _middleware, _proxy, _patterns)
    return [problem for check in checks for problem in check(config)]


def _storage(config: Config) -> Iterator[str]:
    drivers = config.storage.drivers
    if not drivers:
        yield "storage: no driver is named; a folder is: storage: {filesystem: {rootdirectory: …}}"
    elif len(drivers) > 1:
        yield f"storage: one driver has to be named, not {' and '.join(drivers)}"
    elif config.storage.driver not in _SERVED_DRIVERS:
        known = ", ".join(_SERVED_DRIVERS)
        yield f"storage.{config.storage.driver}: this version stores in one of {known}"
    if config.storage.s3 is not None:
        yield from _s3(config.storage.s3)
    if config.storage.gcs is not None:
        yield from _gcs(config.storage.gcs)
    if config.storage.azure is not None:
        yield from _azure(config.storage.azure)


def _s3(s3: S3) -> Iterator[str]:
    yield from _needed("storage.s3", bucket=s3.bucket)
    if not s3.regionendpoint:
        yield from _needed("storage.s3", region=s3.region)
    if bool(s3.accesskey) != bool(s3.secretkey):
        yield "storage.s3: accesskey and secretkey belong together; one of them is missing"
    for key, value in (
        ("chunksize", s3.chunksize),
        ("multipartcopychunksize", s3.multipartcopychunksize),
    ):
        if not PART_BYTES_MIN <= value <= PART_BYTES_MAX:
            yield f"storage.s3.{key}: {value} is not between 5 MiB and 5 GiB"
    if s3.multipartcopymaxconcurrency < 1:
        yield "storage.s3.multipartcopymaxconcurrency: at least 1 is needed"
    if s3.accelerate and (s3.regionendpoint or s3.forcepathstyle or s3.usefipsendpoint):
        yield (
            "storage.s3.accelerate: goes with Amazon's own endpoint only, without forcepathstyle "
            "and usefipsendpoint"
        )
    try:
        Place(s3.bucket, s3.region, s3.regionendpoint).address()
        Place(s3.bucket, s3.region, s3.redirectendpoint).address()
    except AddressUnusable as error:
        yield f"storage.s3: {error}"


def _gcs(gcs: Gcs) -> Iterator[str]:
    yield from _needed("storage.gcs", bucket=gcs.bucket)
    if gcs.keyfile and gcs.credentials != GcsCredentials():
        yield "storage.gcs: keyfile and credentials say the same; one of them has to go"
    if gcs.credentials.type not in ("", "service_account"):
        yield (
            f"storage.gcs.credentials.type: {gcs.credentials.type!r} cannot be written here; "
            "name its file in storage.gcs.keyfile"
        )
    if gcs.chunksize % CHUNK_STEP or not CHUNK_STEP <= gcs.chunksize <= PART_BYTES_MAX:
        yield f"storage.gcs.chunksize: {gcs.chunksize} is no multiple of 256 KiB up to 5 GiB"
    if gcs.maxconcurrency < CALLS_AT_ONCE_MIN:
        yield f"storage.gcs.maxconcurrency: at least {CALLS_AT_ONCE_MIN} is needed"
    try:
        endpoint_of(gcs.endpoint)
    except StoreUnusable as error:
        yield f"storage.gcs.endpoint: {error}"


def _azure(azure: Azure) -> Iterator[str]:
    yield from _needed("storage.azure", container=azure.container)
    credentials = azure.credentials
    match credentials.type:
        case "client_secret":
            yield from _needed(
                "storage.azure.credentials",
                clientid=credentials.clientid,
                tenantid=credentials.tenantid,
                secret=credentials.secret,
            )
        case "shared_key" | "" if not azure.connectionstring:
            yield from _needed("storage.azure", accountkey=azure.accountkey)
    if not BLOCK_BYTES_MIN <= azure.chunksize <= BLOCK_BYTES_MAX:
        yield f"storage.azure.chunksize: {azure.chunksize} is not between 1 MiB and 4000 MiB"
    if azure.max_retries < 0:
        yield "storage.azure.max_retries: a number from 0 on is needed"
    if azure.retry_delay < 0:
        yield "storage.azure.retry_delay: a time from 0 on is needed"
    try:
        azure_settings(azure, workers=1)
    except StoreUnusable as error:
        yield f"storage.azure: {error}"


def _auth(config: Config) -> Iterator[str]:
    auth = config.auth
    if len(auth.kinds) > 1:
        yield f"auth: one kind has to be named, not {' and '.join(auth.kinds)}"
    if auth.htpasswd is not None:
        yield from _needed("auth.htpasswd", realm=auth.htpasswd.realm, path=auth.htpasswd.path)
    if auth.silly is not None:
        yield from _needed("auth.silly", realm=auth.silly.realm, service=auth.silly.service)
    if auth.token is not None:
        token = auth.token
        yield from _needed("auth.token", service=token.service, issuer=token.issuer)
        if not token.autoredirect:
            yield from _needed("auth.token", realm=token.realm)
        if not (token.rootcertbundle or token.jwks):
            yield "auth.token: rootcertbundle or jwks has to say whose tokens are good"
        if token.signingalgorithms and ALGORITHMS.isdisjoint(token.signingalgorithms):
            known = ", ".join(sorted(ALGORITHMS))
            yield f"auth.token.signingalgorithms: none of them is taken; there are {known}"


def _needed(section: str, **values: str) -> Iterator[str]:
    for key, value in values.items():
        if not value:
            yield f"{section}.{key}: this has to be set"


def _policies(config: Config) -> Iterator[str]:
    auth = config.auth
    try:
        checked_rules([structs.asdict(rule) for rule in auth.policies], auth.groups)
    except AuthorityUnusable as error:
        yield str(error)


_UNVERIFIED: Final = ("request-client-cert", "require-any-client-cert")


def _tls(config: Config) -> Iterator[str]:
    tls = config.http.tls
    if any(structs.astuple(tls.letsencrypt)):
        yield (
            "http.tls.letsencrypt: certificates are not asked for here; let a client such as "
            "certbot do it and name its files in http.tls.certificate and http.tls.key"
        )
    if bool(tls.certificate) != bool(tls.key):
        yield "http.tls: certificate and key belong together; one of them is missing"
    if tls.minimumtls in ("tls1.0", "tls1.1"):
        yield f"http.tls.minimumtls: {tls.minimumtls} is not spoken here; tls1.2 is the oldest"
    if tls.ciphersuites:
        yield (
            "http.tls.ciphersuites: the list cannot be chosen here; leave it out, all suites "
            "that are spoken are safe, or set http.tls.minimumtls to tls1.3"
        )
    if tls.clientauth in _UNVERIFIED:
        yield (
            f"http.tls.clientauth: {tls.clientauth} verifies nothing and is not done here; "
            "verify-client-cert-if-given and require-and-verify-client-cert are"
        )
    elif tls.clientauth and not tls.clientcas:
        yield "http.tls.clientauth: without clientcas no client certificate can be verified"


def _http(config: Config) -> Iterator[str]:
    http = config.http
    yield from _address(http)
    prometheus = http.debug.prometheus
    if prometheus.enabled and not prometheus.path.startswith("/"):
        yield f"http.debug.prometheus.path: {prometheus.path!r} has to begin with /"
    if http.prefix and not (http.prefix.startswith("/") and http.prefix.endswith("/")):
        yield f"http.prefix: {http.prefix!r} has to begin and end with /"
    if http.host and not re.fullmatch(r"(?i:https?)://[^/\s]+(/\S*)?", http.host):
        yield f"http.host: {http.host!r} is no URL such as https://registry.example"

    yield from _headers(http.headers)
    try:
        proxies(http.trustedproxies)
    except ValueError as error:
        yield f"http.trustedproxies: {error}"
    if http.workers > WORKERS_MAX:
        yield f"http.workers: at most {WORKERS_MAX} processes"
    if http.http2.enabled and http.http2.disabled:
        yield "http.http2: enabled and disabled cannot both be true"


def _address(http: Http) -> Iterator[str]:
    if http.net != "unix":
        yield from _parsed("http.addr", http.addr)
    elif not http.addr or http.addr.startswith(":"):
        yield f"http.addr: {http.addr!r} is no path of a socket, as http.net: unix wants it"
    if http.debug.addr:
        yield from _parsed("http.debug.addr", http.debug.addr)


def _parsed(key: str, address: str) -> Iterator[str]:
    try:
        parse_address(address)
    except AddressInvalid as error:
        yield f"{key}: {error}"


def _health(config: Config) -> Iterator[str]:
    for index, item in enumerate(config.health.tcp):
        yield from _parsed(f"health.tcp[{index}].addr", item.addr)


def _headers(headers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A name or value that cannot be sent would be left out in silence."""
    for name, values in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            yield f"http.headers: {name!r} is no name of a header"
        elif name.lower() in _FRAMING:
            yield f"http.headers.{name}: the server itself says this; take the header out"
        elif not all(_HEADER_VALUE.fullmatch(value) for value in values):
            yield f"http.headers.{name}: a value has characters that cannot be sent"


_FRAMING: Final = frozenset(
    {
        *("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding"),
        "upgrade",
    }
)
"""What says where an answer ends; a second word about it would break connections."""

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")


def _middleware(config: Config) -> Iterator[str]:
    for index, step in enumerate(config.middleware.storage):
        yield from _needed(f"middleware.storage[{index}]", name=step.name)
        if step.name in _WITH_BASE:
            yield from _base(f"middleware.storage[{index}].options", step.options.baseurl)
        if step.options.ipfilteredby != "none":
            yield (
                f"middleware.storage[{index}].options.ipfilteredby: clients are not told apart by "
                "address here; set it to none"
            )
    for kind in ("registry", "repository"):
        for item in getattr(config.middleware, kind):
            if not item.disabled:
                yield f"middleware.{kind}: there is none called {item.name!r}; take the entry out"


_WITH_BASE: Final = ("redirect", "cloudfront")


def _base(options: str, baseurl: str) -> Iterator[str]:
    try:
        Redirect(baseurl)
    except RedirectInvalid as error:
        yield f"{options}.{error}"


def _proxy(config: Config) -> Iterator[str]:
    if config.proxy.remoteurl:
        yield "proxy.remoteurl: this version is no cache of another registry; take the key out"


def _patterns(config: Config) -> Iterator[str]:
    urls = config.validation.manifests.urls
    for key, expressions in (("allow", urls.allow), ("deny", urls.deny)):
        for expression in expressions:
            try:
                re.compile(expression)
            except re.error as error:
                path = f"validation.manifests.urls.{key}"
                yield f"{path}: {expression!r} is no regular expression: {error}"


def cautions(config: Config) -> list[str]:
    """What serves, but not as people expect."""
    return [*_secret_cautions(config), *_origin_cautions(config.http)]


def _secret_cautions(config: Config) -> Iterator[str]:
    if config.storage.driver in _SHARED_BY_NETWORK and not config.http.secret:
        yield (
            "http.secret: without one each start makes its own: uploads that are under way end "
            "with a restart, and several instances on one bucket refuse each other's"
        )


def _origin_cautions(http: Http) -> Iterator[str]:
    """The original believes X-Forwarded-Proto from everybody (decisions 7)."""
    if http.relativeurls is False and not (
        http.host or http.trustedproxies or http.tls.certificate
    ):
        yield (
            "http.relativeurls: behind a proxy that speaks TLS clients would be sent to http://: "
            "name the proxy in http.trustedproxies, or the address in http.host"
        )


_SHARED_BY_NETWORK: Final = frozenset({"s3", "gcs", "azure"})


def notices(origins: Mapping[str, str]) -> list[str]:
    """What is written there and has no effect, or has another name now."""
    kinds = {path: _PLACE.sub("[]", path) for path in origins}
    return [
        f"{path}: {text} ({origins[path]})"
        for key, text in _NOTICES.items()
        for path, kind in kinds.items()
        if kind == key
    ]


_PLACE: Final = re.compile(r"\[[0-9]+\]")
_FILTER: Final = "it counts only with ipfilteredby, which is not done here"

NO_EFFECT: Final = {
    "log.hooks": "no mail is sent; let a log collector do it",
    "log.reportcaller": "lines name the part of the program anyway",
    "storage.cache": "no cache of descriptors is used, none is needed",
    "storage.s3.v4auth": "signatures are always of version 4",
    "storage.s3.loglevel": "the log says what goes wrong with the store, as log.level asks for",
    "middleware.storage[].options.awsregion": _FILTER,
    "middleware.storage[].options.updatefrequency": _FILTER,
    "middleware.storage[].options.iprangesurl": _FILTER,
    "redis": "nothing is read from Redis",
    "reporting.bugsnag": "nothing is reported to Bugsnag",
    "reporting.newrelic": "nothing is reported to New Relic",
    "http.h2c": "http.http2.enabled is the switch",
    "notifications": "this version tells nobody of pushes and pulls",
    "validation.enabled": "validation.disabled decides",
    "metadata": "this version keeps no database",
}
"""Keys and sections that are read for the original's sake, or too early, each with the reason.

The start tells them, and `docs/configuration.md` does.
"""

_ACCOUNT: Final = "part of the account's file, which nothing here depends on"

NOT_NEEDED: Final = {
    f"storage.gcs.credentials.{key}": _ACCOUNT
    for key in (
        *("project_id", "client_id", "auth_uri"),
        *("auth_provider_x509_cert_url", "client_x509_cert_url"),
    )
}
"""Keys that stand there because a document of others has them. Only the documentation tells."""

_NOTICES: Final = {
    "loglevel": "the former name of log.level, which counts if both are set",
    **{key: f"has no effect: {reason}" for key, reason in NO_EFFECT.items()},
}

"""What a configuration asks for that cannot be done here, and what has no effect."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from layerstore.config.tree import Config


def refusals(config: Config) -> list[str]:
    """Why serving with this configuration would be wrong; nothing if it would not."""
    checks = (_storage, _auth, _tls, _http, _middleware, _proxy, _patterns)
    return [problem for check in checks for problem in check(config)]


def _storage(config: Config) -> Iterator[str]:
    drivers = config.storage.drivers
    if not drivers:
        yield "storage: no driver is named; a folder is: storage: {filesystem: {rootdirectory: …}}"
    elif len(drivers) > 1:
        yield f"storage: one driver has to be named, not {' and '.join(drivers)}"


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


def _needed(section: str, **values: str) -> Iterator[str]:
    for key, value in values.items():
        if not value:
            yield f"{section}.{key}: this has to be set"


_UNVERIFIED: Final = ("request-client-cert", "require-any-client-cert")


def _tls(config: Config) -> Iterator[str]:
    tls = config.http.tls
    if tls.letsencrypt.cachefile or tls.letsencrypt.email or tls.letsencrypt.hosts:
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
    if http.prefix and not (http.prefix.startswith("/") and http.prefix.endswith("/")):
        yield f"http.prefix: {http.prefix!r} has to begin and end with /"
    if http.host and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", http.host):
        yield f"http.host: {http.host!r} is no URL such as https://registry.example"

    if http.http2.enabled and http.http2.disabled:
        yield "http.http2: enabled and disabled cannot both be true"


def _middleware(config: Config) -> Iterator[str]:
    for index, step in enumerate(config.middleware.storage):
        yield from _needed(f"middleware.storage[{index}]", name=step.name)
    for kind in ("registry", "repository"):
        for item in getattr(config.middleware, kind):
            yield f"middleware.{kind}: there is none called {item.name!r} here; take the entry out"


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


def notices(config: Config, origins: Mapping[str, str]) -> list[str]:
    """What is written there and has no effect, or has another name now."""
    return [
        f"{path}: {text} ({origins[path]})" for path, text in _NO_EFFECT.items() if path in origins
    ]


_NO_EFFECT: Final = {
    "loglevel": "the former name of log.level, which counts if both are set",
    "log.hooks": "no mail is sent; let a log collector do it",
    "log.reportcaller": "has no effect",
    "storage.cache.blobdescriptor": "no cache of descriptors is used, none is needed",
    "storage.s3.v4auth": "has no effect: signatures are always of version 4",
    "redis": "nothing is read from Redis",
    "reporting.bugsnag": "nothing is reported to Bugsnag",
    "reporting.newrelic": "nothing is reported to New Relic",
    "http.h2c": "has no effect: http.http2.enabled is the switch",
    "notifications.endpoints": "this version tells nobody of pushes and pulls",
    "validation.enabled": "has no effect: validation.disabled decides",
    "metadata": "this version keeps no database",
}

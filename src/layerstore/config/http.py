"""`http`: where the registry listens, and how it is seen from outside."""

from typing import Literal

from msgspec import field

from layerstore.config.section import Count, Duration, Headers, Secret, Section

WORKERS_MAX = 256
"""Processes that answer requests, at most."""

ClientAuth = Literal[
    "",
    "request-client-cert",
    "require-any-client-cert",
    "verify-client-cert-if-given",
    "require-and-verify-client-cert",
]


class LetsEncrypt(Section, frozen=True):
    """Certificates from an ACME service. Not done here: a start with it is refused."""

    cachefile: str = ""
    """Folder where certificates are kept."""

    email: str = ""
    """Address of the account."""

    hosts: tuple[str, ...] = ()
    """Names that certificates are asked for."""

    directoryurl: str = ""
    """The service's directory, if it is not that of Let's Encrypt."""


class Tls(Section, frozen=True):
    """TLS, in versions 1.2 and 1.3."""

    certificate: str = ""
    """File with the certificate and its chain, PEM."""

    key: str = ""
    """File with the private key, PEM."""

    clientcas: tuple[str, ...] = ()
    """Files with the authorities whose client certificates are taken, PEM."""

    clientauth: ClientAuth = ""
    """What is asked of clients. Empty: `require-and-verify-client-cert` where `clientcas` are
    given. `request-client-cert` and `require-any-client-cert` verify nothing and are refused."""

    minimumtls: Literal["", "tls1.0", "tls1.1", "tls1.2", "tls1.3"] = ""
    """The oldest version that is spoken; empty: `tls1.2`, older ones are refused."""

    ciphersuites: tuple[str, ...] = ()
    """Not settable here: a start with a list is refused."""

    letsencrypt: LetsEncrypt = LetsEncrypt()
    """Certificates from an ACME service."""


class Prometheus(Section, frozen=True):
    """Metrics on the debug address."""

    enabled: bool = False
    """Whether they are shown."""

    path: str = "/metrics"
    """Where they are shown."""


class Debug(Section, frozen=True):
    """Health and metrics, on an address of their own, in plain HTTP."""

    addr: str = ""
    """Where to listen, as in `http.addr`; empty: nowhere."""

    prometheus: Prometheus = Prometheus()
    """Metrics."""


class Http2(Section, frozen=True):
    """HTTP/2, which is off unless it is asked for: a silent connection costs a worker more then."""

    enabled: bool = False
    """Ours: Whether HTTP/2 is spoken, on TLS and in plain."""

    disabled: bool = False
    """The original's switch, which changes nothing here: HTTP/2 is off already."""


class H2c(Section, frozen=True):
    """HTTP/2 without TLS."""

    enabled: bool = False
    """The original's switch."""


class Http(Section, frozen=True):
    """Where the registry listens, and how it is seen from outside."""

    addr: str = ":5000"
    """Where to listen: `host:port`, `:port` for all addresses, `localhost:port` for both loopback
    addresses; a path where `net` is `unix`."""

    net: Literal["tcp", "unix"] = "tcp"
    """Kind of the address."""

    host: str = ""
    """The URL under which clients reach the registry: scheme, host, and a path that ends with a
    slash if there is one; empty: as they say."""

    prefix: str = ""
    """Path in front of `/v2/`, beginning and ending with `/`."""

    secret: Secret = ""
    """Signs the state of uploads. Instances that share a storage need the same one. Empty: one is
    made, and kept in the storage folder."""

    relativeurls: bool | None = None
    """Whether `Location` is relative. Unset: it is, unless `host` is set."""

    draintimeout: Duration = 0
    """How long running transfers may go on at the end; 0: 30 seconds."""

    headers: Headers = field(default_factory=dict)
    """Headers that every answer carries, each with its values."""

    tls: Tls = Tls()
    """TLS."""

    debug: Debug = Debug()
    """Health and metrics."""

    http2: Http2 = Http2()
    """HTTP/2."""

    h2c: H2c = H2c()
    """HTTP/2 without TLS."""

    workers: Count = 0
    """Ours: Processes that answer requests; 0: one for each core."""

    trustedproxies: tuple[str, ...] = ()
    """Ours: Addresses and networks (`10.0.0.0/8`) of the proxies whose `Forwarded` and
    `X-Forwarded-…` headers count; `unix` means whoever comes through the unix socket."""

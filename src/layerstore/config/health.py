"""`health`: what is looked at regularly."""

from msgspec import field

from layerstore.config.section import Duration, SecretHeaders, Section

INTERVAL_S = 10
"""Seconds between two looks, unless a key says otherwise."""


class StorageHealth(Section, frozen=True):
    """A look at the storage."""

    enabled: bool = False
    """Whether it is looked at."""

    interval: Duration = INTERVAL_S
    """Time between two looks."""

    threshold: int = 0
    """Failures in a row after which the registry counts as unhealthy; 0: the first."""


class FileHealth(Section, frozen=True):
    """A file that makes the registry unhealthy by being there."""

    file: str = ""
    """The file."""

    interval: Duration = INTERVAL_S
    """Time between two looks."""


class HttpHealth(Section, frozen=True):
    """A URL that has to answer."""

    uri: str = ""
    """The URL, asked with HEAD."""

    headers: SecretHeaders = field(default_factory=dict)
    """Headers of the request."""

    statuscode: int = 200
    """Status that is expected."""

    timeout: Duration = 0
    """Time for the answer; 0: no limit but the interval."""

    interval: Duration = INTERVAL_S
    """Time between two looks."""

    threshold: int = 0
    """Failures in a row after which the registry counts as unhealthy; 0: the first."""


class TcpHealth(Section, frozen=True):
    """An address that has to accept connections."""

    addr: str = ""
    """Host and port."""

    timeout: Duration = 0
    """Time for the connection; 0: no limit but the interval."""

    interval: Duration = INTERVAL_S
    """Time between two looks."""

    threshold: int = 0
    """Failures in a row after which the registry counts as unhealthy; 0: the first."""


class Health(Section, frozen=True):
    """What is looked at regularly; the debug address tells."""

    storagedriver: StorageHealth = StorageHealth()
    """The storage."""

    file: tuple[FileHealth, ...] = ()
    """Files that must not be there."""

    http: tuple[HttpHealth, ...] = ()
    """URLs that have to answer."""

    tcp: tuple[TcpHealth, ...] = ()
    """Addresses that have to accept connections."""

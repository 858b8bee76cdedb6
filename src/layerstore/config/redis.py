"""`redis`: where the original keeps descriptors."""

from layerstore.config.section import Duration, Secret, Section


class RedisPool(Section, frozen=True):
    """v2: Connections to Redis."""

    maxidle: int = 0
    """v2: Connections kept."""

    maxactive: int = 0
    """v2: Connections at most."""

    idletimeout: Duration = 0
    """v2: How long one is kept."""


class RedisTls(Section, frozen=True):
    """TLS to Redis."""

    enabled: bool = False
    """v2: Whether it is used."""

    certificate: str = ""
    """File with our certificate, PEM."""

    key: str = ""
    """File with its key, PEM."""

    rootcas: tuple[str, ...] = ()
    """Files with the authorities that are trusted, PEM."""


class Redis(Section, frozen=True):
    """Redis, where the original keeps descriptors."""

    addr: str = ""
    """v2: Host and port."""

    addrs: tuple[str, ...] = ()
    """Hosts and ports."""

    clientname: str = ""
    """What we are called there."""

    protocol: int = 0
    """Version of the protocol; 0: the newest."""

    db: int = 0
    """Number of the database."""

    username: str = ""
    """Name to log in with."""

    password: Secret = ""
    """Password to log in with."""

    sentinelusername: str = ""
    """Name to log in with at the sentinels."""

    sentinelpassword: Secret = ""
    """Password to log in with at the sentinels."""

    mastername: str = ""
    """What the sentinels call the master."""

    maxretries: int = 0
    """How often a command is tried again."""

    minretrybackoff: Duration = 0
    """Time before the first of these."""

    maxretrybackoff: Duration = 0
    """Time before the last of these."""

    dialtimeout: Duration = 0
    """Time for a connection."""

    readtimeout: Duration = 0
    """Time for an answer."""

    writetimeout: Duration = 0
    """Time for sending."""

    contexttimeoutenabled: bool = False
    """Whether a request's own limit counts too."""

    poolfifo: bool = False
    """Whether the oldest connection is taken first."""

    poolsize: int = 0
    """Connections at most."""

    pooltimeout: Duration = 0
    """Time that is waited for a free one."""

    minidleconns: int = 0
    """Idle connections at least."""

    maxidleconns: int = 0
    """Idle connections at most."""

    maxactiveconns: int = 0
    """Connections in use at most."""

    connmaxidletime: Duration = 0
    """How long a connection may be idle."""

    connmaxlifetime: Duration = 0
    """How long a connection is used."""

    maxredirects: int = 0
    """Redirects within a cluster that are followed."""

    readonly: bool = False
    """Whether replicas are read."""

    routebylatency: bool = False
    """Whether the nearest node is read."""

    routerandomly: bool = False
    """Whether any node is read."""

    disableidentity: bool = False
    """Whether we do not say what we are."""

    identitysuffix: str = ""
    """Added to what we say we are."""

    tls: RedisTls = RedisTls()
    """TLS."""

    pool: RedisPool = RedisPool()
    """v2: Connections."""

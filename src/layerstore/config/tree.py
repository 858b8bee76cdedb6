"""The whole configuration, in the form of distribution's own YAML (registry-facts §3.2).

Names and defaults are the original's, of versions 2 and 3. Frozen, and the same after a way through
JSON: that is how workers get it.
"""

from layerstore.config.auth import Auth
from layerstore.config.content import Catalog, Compatibility, Limits, Policy, Tags, Validation
from layerstore.config.drivers import Middleware
from layerstore.config.health import Health
from layerstore.config.http import Http
from layerstore.config.log import Level, Log, Reporting
from layerstore.config.metadata import Metadata
from layerstore.config.notifications import Notifications
from layerstore.config.proxy import Proxy
from layerstore.config.redis import Redis
from layerstore.config.section import Section
from layerstore.config.storage import Storage


class Config(Section, frozen=True):
    """A configuration."""

    version: str = "0.1"
    """Version of the configuration's form: `0.1`. A file has to say it."""

    log: Log = Log()
    """What is logged, and how."""

    loglevel: Level | None = None
    """v2: The former name of `log.level`."""

    storage: Storage = Storage()
    """Where everything is kept."""

    auth: Auth = Auth()
    """Who may do what."""

    middleware: Middleware = Middleware()
    """Steps in front of the storage."""

    http: Http = Http()
    """Where the registry listens, and how it is seen from outside."""

    notifications: Notifications = Notifications()
    """Who is told of pushes, pulls and deletes."""

    redis: Redis = Redis()
    """Redis."""

    health: Health = Health()
    """What is looked at regularly."""

    catalog: Catalog = Catalog()
    """The list of repositories."""

    tags: Tags = Tags()
    """The list of tags."""

    proxy: Proxy = Proxy()
    """A cache in front of another registry."""

    validation: Validation = Validation()
    """What is asked of pushed content."""

    policy: Policy = Policy()
    """What may be pushed."""

    compatibility: Compatibility = Compatibility()
    """v2: What old clients need."""

    reporting: Reporting = Reporting()
    """v2: Where errors are reported to."""

    limits: Limits = Limits()
    """Ours: What a request may cost."""

    metadata: Metadata = Metadata()
    """Ours: The database of what is referenced and what happened."""

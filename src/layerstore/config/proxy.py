"""`proxy`: a cache in front of another registry."""

from layerstore.config.section import Duration, Secret, Section


class CredentialHelper(Section, frozen=True):
    """A program that knows the password of the upstream registry."""

    command: str = ""
    """The program."""

    lifetime: Duration = 0
    """How long its answer holds."""


class Proxy(Section, frozen=True):
    """A cache in front of another registry."""

    remoteurl: str = ""
    """The other registry."""

    username: str = ""
    """Name to log in with there."""

    password: Secret = ""
    """Password to log in with there."""

    exec: CredentialHelper = CredentialHelper()
    """A program that knows the password."""

    ttl: Duration = 7 * 24 * 60 * 60
    """How long content is kept; 0: for ever."""

    cachewritetimeout: Duration = 5 * 60
    """Time for writing one blob into the cache."""

"""`notifications`: who is told of what happened."""

from msgspec import field

from layerstore.config.section import Duration, SecretHeaders, Section


class Events(Section, frozen=True):
    """What events tell."""

    includereferences: bool = False
    """Whether the event of a manifest lists what it names."""


class Ignored(Section, frozen=True):
    """Events that a listener does not want: those that one of the lists names."""

    mediatypes: tuple[str, ...] = ()
    """Media types of the target."""

    actions: tuple[str, ...] = ()
    """`push`, `pull`, `delete`, `mount`."""


class Endpoint(Section, frozen=True):
    """A listener."""

    name: str = ""
    """What it is called in logs and metrics."""

    disabled: bool = False
    """Whether it is left out."""

    url: str = ""
    """Where events are posted to."""

    headers: SecretHeaders = field(default_factory=dict)
    """Headers of the requests, such as `Authorization`."""

    timeout: Duration = 1
    """Time for an answer."""

    threshold: int = 10
    """Failures in a row after which it is left alone for a while."""

    backoff: Duration = 1
    """How long that is."""

    ignoredmediatypes: tuple[str, ...] = ()
    """Media types of targets whose events it does not want."""

    ignore: Ignored = Ignored()
    """Events that it does not want."""


class Notifications(Section, frozen=True):
    """Who is told of pushes, pulls and deletes."""

    events: Events = Events()
    """What events tell."""

    endpoints: tuple[Endpoint, ...] = ()
    """The listeners."""

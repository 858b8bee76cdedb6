"""`log`, and where else the original reports to."""

from typing import Literal

from msgspec import field

from layerstore.config.section import Secret, Section

Level = Literal["error", "warn", "info", "debug"]


class AccessLog(Section, frozen=True):
    """The access log, one line a request in the combined form, on standard output."""

    disabled: bool = False
    """Whether it is left out."""


class Smtp(Section, frozen=True):
    """A mail server."""

    addr: str = ""
    """Host and port of the server."""

    username: str = ""
    """Name to log in with."""

    password: Secret = ""
    """Password to log in with."""

    insecure: bool = False
    """Whether the server's certificate goes unchecked."""


class HookOptions(Section, frozen=True, rename={"sender": "from"}):
    """Who is written to."""

    smtp: Smtp = Smtp()
    """The server that takes the mail."""

    sender: str = ""
    """Address of the sender."""

    to: tuple[str, ...] = ()
    """Addresses of those who are told."""


class Hook(Section, frozen=True):
    """Mail on certain log lines."""

    type: str = ""
    """Kind of the hook; the original knows `mail`."""

    disabled: bool = False
    """Whether the hook is left out."""

    levels: tuple[str, ...] = ()
    """Levels of the lines that are sent."""

    options: HookOptions = HookOptions()
    """Who is written to, and through which server."""


class Log(Section, frozen=True):
    """What is logged, and how."""

    level: Level = "info"
    """The least severe lines that are written."""

    formatter: Literal["text", "json", "logstash"] = "text"
    """Form of the lines on standard error."""

    fields: dict[str, str] = field(default_factory=dict)
    """Fields that stand in every structured line."""

    accesslog: AccessLog = AccessLog()
    """The access log."""

    reportcaller: bool = False
    """Whether lines name the place in the program that wrote them."""

    hooks: tuple[Hook, ...] = ()
    """Mail on certain lines."""


class Bugsnag(Section, frozen=True):
    """v2: Reports to Bugsnag."""

    apikey: Secret = ""
    """Key of the account."""

    releasestage: str = ""
    """Stage that is told."""

    endpoint: str = ""
    """Where reports go."""


class NewRelic(Section, frozen=True):
    """v2: Reports to New Relic."""

    licensekey: Secret = ""
    """Key of the account."""

    name: str = ""
    """Name of the application."""

    verbose: bool = False
    """Whether the agent logs."""


class Reporting(Section, frozen=True):
    """v2: Where errors are reported to."""

    bugsnag: Bugsnag = Bugsnag()
    """v2: Bugsnag."""

    newrelic: NewRelic = NewRelic()
    """v2: New Relic."""

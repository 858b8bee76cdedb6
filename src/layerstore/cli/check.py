"""`layerstore check`: look for damage in what is stored, and mend what can be mended."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from layerstore.app.checking import open_check
from layerstore.app.stores import opened_storage, storage_folder
from layerstore.cli.opened import (
    DataOption,
    JsonOption,
    fail,
    loaded,
    name_of,
    words,
)
from layerstore.clock import SystemClock
from layerstore.config import Config, ConfigError
from layerstore.oci.errors import RegistryError
from layerstore.storage.driver import StorageError
from layerstore.storage.ours import is_ours, is_readable
from layerstore.upkeep.check.findings import Finding, Severity
from layerstore.upkeep.check.run import Amount, Check, Summary, Wishes

EXIT_DAMAGE: Final = 1
"""There is damage that was not mended."""

EXIT_CANNOT: Final = 2
"""The check could not be done."""

_JOBS_MAX: Final = 64
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_RATE: Final = re.compile(r"(\d{1,12})([KMG]?)", re.IGNORECASE)

EPILOG: Final = "\n\n".join(
    (
        "Examples:",
        "  layerstore check",
        "  layerstore check /etc/docker/registry/config.yml --rate 50M",
        "  layerstore check --data /srv/registry --repair",
        "  layerstore check --repository library/debian --json",
        "It runs beside a server, as the user that the server runs as. Without --repair nothing is"
        " changed. Damaged bytes are moved to layerstore/quarantine below the storage's root and"
        " never served again; pushing the same content makes it whole.",
        "Exit status: 0 no damage; 1 damage that was not mended; 2 the check could not be done.",
    )
)


def check(
    config: Annotated[
        Path | None,
        typer.Argument(help="Configuration of the server that stores there."),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    skip_content: Annotated[
        bool,
        typer.Option("--skip-content", help="Do not read the blobs: links and manifests only."),
    ] = False,
    repository: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look at this repository only.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=_JOBS_MAX, help="Blobs hashed at a time; as many as cores."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Read at most so much a second: 50M.")
    ] = None,
    notes: Annotated[
        bool, typer.Option("--notes", help="Show what is no damage too: orphans, unknown files.")
    ] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Look for damage: every blob is hashed, every link, manifest, tag and upload looked at."""
    wishes = Wishes(
        repairs=repair,
        content=not skip_content,
        jobs=jobs or len(os.sched_getaffinity(0)),
        bytes_per_s=_bytes_per_s(rate),
        repository=name_of(repository) if repository is not None else None,
    )
    printer = _JsonPrinter() if json else _PlainPrinter(shows_notes=notes)
    try:
        summary = asyncio.run(_checked(_storage(config, data, wishes), wishes, printer))
    except ConfigError as error:
        fail(str(error), EXIT_CANNOT)
    except RegistryError as error:
        fail(words(error), EXIT_CANNOT)
    except StorageError as error:
        fail(f"the storage cannot be used: {error.reason}", EXIT_CANNOT)
    printer.end(summary)
    raise typer.Exit(EXIT_DAMAGE if summary.remaining else 0)


def _bytes_per_s(text: str | None) -> int | None:
    if text is None:
        return None
    found = _RATE.fullmatch(text)
    if found is None or not int(found[1]):
        fail(f"{text!r} is not a number of bytes, such as 50M", EXIT_CANNOT)
    return int(found[1]) * _UNITS[found[2].upper()]


def _storage(path: Path | None, data: Path | None, wishes: Wishes) -> Config:
    """The configuration, if what is asked for may be done there. Raises ConfigError."""
    config = loaded(path, data)
    folder = storage_folder(config)
    if folder is not None and not is_readable(folder):
        raise ConfigError(f"{folder}: only root and the user that the server runs as can check it")
    if folder is not None and wishes.repairs and not is_ours(folder):
        raise ConfigError(
            f"{folder}: only the user that the server runs as can repair it, in a folder that he"
            " may write to; without --repair root can check it"
        )
    return config


class _PlainPrinter:
    """Lines for people."""

    def __init__(self, *, shows_notes: bool) -> None:
        self._shows_notes = shows_notes
        self.console = Console(stderr=True)

    def found(self, finding: Finding) -> None:
        """One line for what is the matter, and one for what becomes of it."""
        if finding.severity is Severity.NOTE and not self._shows_notes:
            return
        self._say(f"{finding.severity:<6}  {finding.kind}  {_where(finding)}: {finding.text}")
        self._say(f"        {finding.path}")
        if outcome := _outcome(finding):
            self._say(f"        {outcome}")

    def _say(self, line: str) -> None:
        """Above the progress, where that is shown."""
        if self.console.is_terminal and sys.stdout.isatty():
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            typer.echo(line)

    def end(self, summary: Summary) -> None:
        for line in _told(summary):
            typer.echo(line)
        if summary.notes and not self._shows_notes:
            typer.echo("--notes shows the notes")


class _JsonPrinter:
    """One JSON object a line: the findings as they come, then the summary."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, quiet=True)

    def found(self, finding: Finding) -> None:
        self._print(
            {
                "kind": finding.kind,
                "severity": finding.severity,
                "repository": finding.repository,
                "tag": finding.tag,
                "digest": finding.digest,
                "path": finding.path,
                "text": finding.text,
                "repair": finding.repair or None,
                "canBeMended": finding.can_be_mended,
                "mended": finding.is_mended,
            }
        )

    def end(self, summary: Summary) -> None:
        self._print({"summary": asdict(summary) | {"remaining": summary.remaining}})

    def _print(self, value: dict[str, Any]) -> None:
        typer.echo(msgspec.json.encode(value, enc_hook=str).decode())


_Printer = _PlainPrinter | _JsonPrinter


async def _checked(config: Config, wishes: Wishes, printer: _Printer) -> Summary:
    clock = SystemClock()
    async with opened_storage(config, clock) as driver:
        check = open_check(config, clock, driver, wishes, printer.found)
        async with _shown(check, wishes, printer.console):
            return await check.run()


@asynccontextmanager
async def _shown(check: Check, wishes: Wishes, console: Console) -> AsyncIterator[None]:
    """How far it has come, on a terminal: blobs, bytes and the time left."""
    if not console.is_terminal or not wishes.content or wishes.repository is not None:
        yield
        return
    with console.status("counting the blobs"):
        amount = await check.measure()
    with _Bar(check, amount, console):
        yield


class _Bar(Progress):
    """Follows a check by itself, whenever it is drawn."""

    def __init__(self, check: Check, amount: Amount, console: Console) -> None:
        self._check = check
        self._amount = amount
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        super().__init__(*columns, console=console, transient=True)
        self.add_task("", total=amount.blob_bytes)

    def get_renderables(self) -> Iterable[RenderableType]:
        now = self._check.progress
        counted = f"{now.phase}: {now.blobs} of {self._amount.blobs} blobs"
        for task in self.task_ids:
            self.update(task, completed=now.blob_bytes, description=counted)
        yield from super().get_renderables()


def _where(finding: Finding) -> str:
    if finding.tag is not None:
        return f"{finding.repository}:{finding.tag}"
    if finding.repository is not None:
        return f"{finding.repository}@{finding.digest}" if finding.digest else finding.repository
    return finding.digest or "-"


def _outcome(finding: Finding) -> str:
    if finding.is_mended:
        return f"mended: {finding.repair}"
    return f"--repair {finding.repair}" if finding.can_be_mended else finding.repair


def _told(summary: Summary) -> list[str]:
    gib = summary.blob_bytes / 1024**3
    return [
        f"looked at {summary.repositories} repositories, {summary.manifests} manifests,"
        f" {summary.tags} tags, {summary.blobs} blobs ({gib:.2f} GiB) in {summary.seconds:.1f} s",
        f"found {_count(summary.damage, summary.damage_mended, 'damage')},"
        f" {_count(summary.flaws, summary.flaws_mended, 'flaws')}, {summary.notes} notes",
        "no damage remains" if not summary.remaining else f"{summary.remaining} damage remains",
    ]


def _count(found: int, mended: int, what: str) -> str:
    return f"{found} {what} ({mended} mended)" if mended else f"{found} {what}"

"""`layerstore purge-uploads`: uploads that nobody went on with are taken away now."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from layerstore.cli.opened import (
    EXIT_REFUSED,
    EXIT_USAGE,
    DataOption,
    JsonOption,
    epilog,
    fail,
    loaded,
    on_registry,
    print_json,
)
from layerstore.clock import SystemClock
from layerstore.config.durations import format_duration, parse_duration
from layerstore.registry.local import LocalRegistry
from layerstore.upkeep.purge import Fate, Looked, purge

EPILOG: Final = epilog(
    "layerstore purge-uploads /etc/docker/registry/config.yml",
    "layerstore purge-uploads --older-than 24h --dry-run --data /srv/registry",
    "layerstore purge-uploads --older-than 72h --json",
    note="It runs beside a server, as the user that the server runs as. An upload that is being "
    "written stays, however old it is, and so does every blob.",
)


def purge_uploads(
    config: Annotated[
        Path | None, typer.Argument(help="Configuration of the server that stores there.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            help="Time since the last write, such as 168h; "
            "storage.maintenance.uploadpurging.age if not given.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Remove uploads that nobody went on with, once; a server does it by itself now and then."""
    given = _age(older_than)

    async def work(registry: LocalRegistry) -> _Tally:
        configured = loaded(config, data).storage.maintenance.uploadpurging
        age_s = configured.age if given is None else given
        before = SystemClock().now() - timedelta(seconds=age_s)
        tally = _Tally(age_s, dry_run=dry_run, json=json)
        await tally.take(purge(registry, before, dryrun=dry_run))
        return tally

    on_registry(config, data, work).end()


def _age(text: str | None) -> float | None:
    """Seconds of `--older-than`. Ends the command when they make no sense."""
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        fail(f"--older-than: {error}", EXIT_USAGE)
    if seconds < 0:
        fail(f"--older-than: {text!r} is less than nothing", EXIT_USAGE)
    return seconds


class _Tally:
    """Tells each upload that goes, how far the work is, and what it came to."""

    def __init__(self, age_s: float, *, dry_run: bool, json: bool) -> None:
        self._age = format_duration(age_s)
        self._dry_run = dry_run
        self._json = json
        self._verb = "would remove" if dry_run else "removed"
        self._seen = 0
        self._gone: list[Looked] = []
        self._failed: list[Looked] = []

    async def take(self, looks: AsyncIterator[Looked]) -> None:
        """Look on; on a terminal a line says how many were looked at."""
        with Console(stderr=True).status("looking for uploads") as status:
            async for looked in looks:
                self._seen += 1
                self._count(looked)
                status.update(f"{self._seen} uploads looked at, {len(self._gone)} old")

    def _count(self, looked: Looked) -> None:
        if looked.fate is Fate.GOES:
            self._gone.append(looked)
            self._say(f"{self._verb} {looked.name} {looked.upload_id}: {_written(looked)}")
        elif looked.fate is Fate.FAILS:
            self._failed.append(looked)
            reason = f"{looked.name} {looked.upload_id} cannot be removed: {looked.reason}"
            typer.echo(f"layerstore: {reason}", err=True)

    def _say(self, line: str) -> None:
        if not self._json:
            typer.echo(line)

    def end(self) -> None:
        """Tell the sum, and end the command with its status."""
        if self._json:
            print_json(self._document())
        kept = self._seen - len(self._gone) - len(self._failed)
        self._say(
            f"{self._verb} {len(self._gone)} of {self._seen} uploads, kept {kept} written to "
            f"within {self._age} or at this moment"
        )
        if self._failed:
            raise typer.Exit(EXIT_REFUSED)

    def _document(self) -> dict[str, object]:
        return {
            "older_than": self._age,
            "dry_run": self._dry_run,
            "uploads": self._seen,
            "removed": [
                {"name": one.name, "id": one.upload_id, "written": one.written}
                for one in self._gone
            ],
            "failed": [
                {"name": one.name, "id": one.upload_id, "reason": one.reason}
                for one in self._failed
            ],
        }


def _written(looked: Looked) -> str:
    assert looked.written is not None, "what goes was written long ago"
    return f"last written {looked.written:%Y-%m-%d %H:%M:%S}Z"

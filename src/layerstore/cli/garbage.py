"""`garbage-collect`, the original's command: what to do while Layerstore has none of its own."""

from pathlib import Path
from typing import Annotated

import typer

from layerstore.cli.opened import EXIT_REFUSED, fail

_INSTEAD = (
    "nothing was collected: this command is not there yet. The original's collector works on the "
    "same folder. Stop Layerstore, or let it serve with storage.maintenance.readonly, and run "
    "'registry garbage-collect CONFIG' of registry:2 on that folder"
)


def garbage_collect(
    config: Annotated[Path | None, typer.Argument(help="Configuration.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-d", help="As the original's.")] = False,
    delete_untagged: Annotated[
        bool, typer.Option("--delete-untagged", "-m", help="As the original's.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="As the original's.")] = False,
) -> None:
    """Say how to collect garbage; Layerstore does not do it itself yet."""
    fail(_INSTEAD, EXIT_REFUSED)

"""The command `layerstore`, and `registry`, its second name; each subcommand has its own file."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from layerstore import __version__
from layerstore.cli import config, health, history, manifest, repository, tag
from layerstore.cli.check import EPILOG as CHECK_EPILOG
from layerstore.cli.check import check
from layerstore.cli.garbage import garbage_collect
from layerstore.cli.purge_uploads import EPILOG as PURGE_EPILOG
from layerstore.cli.purge_uploads import purge_uploads
from layerstore.cli.serve import serve

app = typer.Typer(
    name="layerstore",
    help="A container (OCI) registry server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(
    epilog="Examples:\n\n  layerstore serve\n\n"
    "  layerstore serve /etc/docker/registry/config.yml\n\n"
    "  layerstore serve --addr 0.0.0.0:5000 --data /srv/registry\n\n"
    "Exit status: 0 drained; 1 something was cut or did not start; 2 the configuration cannot be "
    "served."
)(serve)
app.command(epilog=health.EPILOG)(health.health)
app.command(epilog=CHECK_EPILOG)(check)
app.command(epilog=history.EPILOG)(history.history)
app.add_typer(repository.app, name="repository")
app.add_typer(tag.app, name="tag")
app.add_typer(manifest.app, name="manifest")
app.add_typer(config.app, name="config")
app.command(epilog=PURGE_EPILOG)(purge_uploads)
app.command(hidden=True)(garbage_collect)


@app.command("help", hidden=True)
def _help(context: typer.Context) -> None:
    """Show the commands, as the original does."""
    typer.echo(context.find_root().get_help())


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(_version(Path(sys.argv[0]).name))
        raise typer.Exit


def _version(called: str) -> str:
    """Under the original's name as the original prints it: program, package, version."""
    return (
        f"{called} layerstore {__version__}"
        if called == "registry"
        else f"layerstore {__version__}"
    )


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-v", help="Show the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """A container (OCI) registry server."""


def main() -> None:
    """Run the command line."""
    app()

"""`layerstore manifest`: looking at and removing revisions."""

from typing import Annotated, Final

import typer

from layerstore.cli.opened import (
    ConfigOption,
    DataOption,
    JsonOption,
    epilog,
    on_registry,
    print_json,
    revision,
)

app = typer.Typer(help="Look at and remove manifests.", no_args_is_help=True)

_DELETE_EPILOG: Final = epilog(
    "layerstore manifest delete library/debian@sha256:…",
    note="The blobs that it names stay.",
)


@app.callback()
def _group() -> None:
    """Commands that take one manifest."""


@app.command(epilog=_DELETE_EPILOG)
def delete(
    manifest: Annotated[str, typer.Argument(metavar="NAME@DIGEST", help="The revision.")],
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a manifest and every tag that leads to it."""
    name, digest = revision(manifest)
    on_registry(config, data, lambda registry: registry.repository(name).manifests.delete(digest))
    if json:
        print_json({"name": name, "digest": digest, "deleted": True})
    else:
        typer.echo(f"removed {name}@{digest}")

"""`layerstore repository`: which there are, and removing one whole."""

from dataclasses import asdict
from typing import Annotated, Final

import typer

from layerstore.cli.opened import (
    ConfigOption,
    DataOption,
    JsonOption,
    epilog,
    name_of,
    on_registry,
    print_json,
    print_names,
)
from layerstore.registry.local import LocalRegistry
from layerstore.registry.repository import Holdings

app = typer.Typer(help="Look at and remove repositories.", no_args_is_help=True)

_LIST_EPILOG: Final = epilog(
    "layerstore repository list",
    "layerstore repository list --json --config /etc/docker/registry/config.yml",
)

_DELETE_EPILOG: Final = epilog(
    "layerstore repository delete team/old --dry-run",
    "layerstore repository delete team/old",
    note="Repositories whose names begin with this one stay, and so does the content of blobs.",
)


@app.command("list", epilog=_LIST_EPILOG)
def list_repositories(
    config: ConfigOption = None, data: DataOption = None, json: JsonOption = False
) -> None:
    """Print the names of all repositories, in the order of the catalog."""
    on_registry(config, data, lambda registry: print_names(registry.catalog(), json=json))


@app.command(epilog=_DELETE_EPILOG)
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The repository.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a repository: tags, manifests, links, referrers and uploads in progress."""
    of = name_of(name)

    async def remove(registry: LocalRegistry) -> Holdings:
        repository = registry.repository(of)
        holdings = await repository.holdings()
        if not dry_run:
            await repository.delete()
        return holdings

    holdings = on_registry(config, data, remove)
    if json:
        print_json({"name": of, "deleted": not dry_run, **asdict(holdings)})
        return
    counted = ", ".join(f"{count} {kind}" for kind, count in asdict(holdings).items())
    typer.echo(f"{'would remove' if dry_run else 'removed'} {of}: {counted}")

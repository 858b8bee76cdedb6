"""`layerstore tag`: the tags of a repository, and removing one."""

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
    tagged,
)
from layerstore.oci.errors import NameUnknown
from layerstore.registry.local import LocalRegistry

app = typer.Typer(help="Look at and remove tags.", no_args_is_help=True)

_LIST_EPILOG: Final = epilog(
    "layerstore tag list library/debian",
    "layerstore tag list library/debian --json --data /srv/registry",
)

_DELETE_EPILOG: Final = epilog(
    "layerstore tag delete library/debian:old",
    note="The manifest that the tag led to stays; `layerstore manifest delete` removes it.",
)


@app.command("list", epilog=_LIST_EPILOG)
def list_tags(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The repository.")],
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Print the tags of a repository, in byte order."""
    of = name_of(name)

    async def look(registry: LocalRegistry) -> None:
        repository = registry.repository(of)
        if not await repository.exists():
            raise NameUnknown({"name": of})
        await print_names(repository.tags.names(), json=json)

    on_registry(config, data, look)


@app.command(epilog=_DELETE_EPILOG)
def delete(
    tag: Annotated[str, typer.Argument(metavar="NAME:TAG", help="The tag.")],
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a tag with its history."""
    name, of = tagged(tag)
    on_registry(config, data, lambda registry: registry.repository(name).tags.delete(of))
    if json:
        print_json({"name": name, "tag": of, "deleted": True})
    else:
        typer.echo(f"removed {name}:{of}")

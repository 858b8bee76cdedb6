"""`layerstore history`: where a tag led, and since when."""

from typing import Annotated, Final

import typer

from layerstore.cli.opened import (
    ConfigOption,
    DataOption,
    JsonOption,
    epilog,
    on_registry,
    print_json,
    tagged,
)
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestUnknown
from layerstore.registry.local import LocalRegistry
from layerstore.registry.tags import TagMove

EPILOG: Final = epilog(
    "layerstore history debian:latest",
    "layerstore history library/nginx:1.27 --json --data /srv/registry",
)


def history(
    tag: Annotated[str, typer.Argument(metavar="NAME:TAG", help="The tag.")],
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show every manifest that a tag led to, the latest first, with the moment it was tagged."""
    name, of = tagged(tag)

    async def look(registry: LocalRegistry) -> tuple[list[TagMove], Digest | None]:
        tags = registry.repository(name).tags
        moves = await tags.history(of)
        try:
            return moves, await tags.current(of)
        except ManifestUnknown:
            return moves, None

    moves, current = on_registry(config, data, look)
    if json:
        print_json(
            [{"digest": m.digest, "at": m.at, "current": m.digest == current} for m in moves]
        )
        return
    for move in moves:
        mark = "  (current)" if move.digest == current else ""
        typer.echo(f"{move.at:%Y-%m-%d %H:%M:%S}Z  {move.digest}{mark}")

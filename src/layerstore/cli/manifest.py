"""`layerstore manifest`: looking at and removing revisions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from layerstore.cli.opened import (
    ConfigOption,
    DataOption,
    JsonOption,
    epilog,
    on_registry,
    print_json,
    revision,
    tagged,
)
from layerstore.oci.descriptor import SCHEMA1
from layerstore.oci.manifest import Manifest, Target
from layerstore.oci.name import Name, Tag
from layerstore.oci.schema1 import parse_stored
from layerstore.registry.local import LocalRegistry
from layerstore.registry.notary import Witness
from layerstore.registry.revisions import StoredManifest

app = typer.Typer(help="Look at and remove manifests.", no_args_is_help=True)

_DELETE_EPILOG: Final = epilog(
    "layerstore manifest delete library/debian@sha256:…",
    note="The blobs that it names stay.",
)

_SHOW_EPILOG: Final = epilog(
    "layerstore manifest show library/debian:jessie",
    note="Whom to trust is yours to decide: that a signature holds says by which key it was made.",
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


@app.command(epilog=_SHOW_EPILOG)
def show(
    manifest: Annotated[str, typer.Argument(metavar="NAME:TAG", help="The tag that leads to it.")],
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a manifest names and, of schema 1, who signed it and whether that holds."""
    name, tag = tagged(manifest)
    shown = on_registry(config, data, lambda registry: _looked_up(registry, name, tag))
    if json:
        print_json(shown.as_json(name, tag))
        return
    typer.echo(f"{name}:{tag}")
    for line in shown.lines():
        typer.echo(f"  {line}")


@dataclass(frozen=True)
class _Shown:
    """A manifest as it is stored, what it names, and the signatures that are kept of it."""

    stored: StoredManifest
    manifest: Manifest
    witnesses: list[Witness]

    @property
    def parts(self) -> Iterator[tuple[str, Target]]:
        if self.manifest.config is not None:
            yield "config", self.manifest.config
        yield from (("layer", layer) for layer in self.manifest.layers)
        yield from (("manifest", child) for child in self.manifest.children)

    def lines(self) -> Iterator[str]:
        yield f"digest    {self.stored.digest}"
        yield f"type      {self.stored.media_type}"
        for kind, target in self.parts:
            size = f"  {target.size} bytes" if target.size else ""
            yield f"{kind:<8}  {target.digest}{size}"
        yield from (f"signed    {_in_words(witness)}" for witness in self.witnesses)
        if self.stored.media_type == SCHEMA1 and not self.witnesses:
            yield "signed    by nobody; it is served with a signature by the registry's own key"

    def as_json(self, name: Name, tag: Tag) -> dict[str, Any]:
        return {
            "name": name,
            "tag": tag,
            "digest": self.stored.digest,
            "mediaType": self.stored.media_type,
            "parts": [{"kind": kind, "digest": target.digest} for kind, target in self.parts],
            "signatures": [_as_json(witness) for witness in self.witnesses],
        }


async def _looked_up(registry: LocalRegistry, name: Name, tag: Tag) -> _Shown:
    repository = registry.repository(name)
    digest = await repository.tags.current(tag)
    stored = await repository.manifests.kept(digest)
    manifest = parse_stored(stored.content, stored.media_type)
    return _Shown(stored, manifest, await repository.manifests.witnesses(digest))


def _in_words(witness: Witness) -> str:
    """The times are the signers' own; a key is told only where the signature proves it."""
    at = witness.signature.signed_at
    when = f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else "at no known time"
    if witness.key is None:
        return f"{when}, does not hold: {witness.reason}"
    return f"by {witness.key.id}, {witness.signature.header.alg}, {when}, holds"


def _as_json(witness: Witness) -> dict[str, Any]:
    at = witness.signature.signed_at
    return {
        "key": None if witness.key is None else witness.key.id,
        "algorithm": None if witness.key is None else witness.signature.header.alg,
        "time": None if at is None else at.isoformat(),
        "holds": witness.key is not None,
        "reason": witness.reason or None,
    }

"""Which repositories there are, by their folders, whatever is in them."""

from collections.abc import AsyncIterator
from typing import Final

from layerstore.oci.digest import Digest
from layerstore.oci.name import NAME_LENGTH_MAX, Name, is_name
from layerstore.registry.paths import (
    REPOSITORIES,
    LayerLink,
    RevisionLink,
    SignatureLink,
    layers_folder,
    manifests_folder,
    recognise,
    revisions_folder,
    uploads_folder,
)
from layerstore.storage.driver import PathNotFound
from layerstore.upkeep.check.case import Storage, mark
from layerstore.upkeep.check.view import read_link

_PARTS: Final = frozenset({"_layers", "_manifests", "_uploads"})


async def repositories(storage: Storage) -> AsyncIterator[Name]:
    """Every name that has a folder of a repository, segment by segment; the rest is reported."""
    async for name in _below(storage, ()):
        yield name


async def _below(storage: Storage, segments: tuple[str, ...]) -> AsyncIterator[Name]:
    text = "/".join(segments)
    if len(text) > NAME_LENGTH_MAX:
        storage.note_unknown(f"{REPOSITORIES}/{text}")
        return
    folder = "/".join((REPOSITORIES, *segments))
    parts: set[str] = set()
    has_children = False
    async for child in storage.desk.listed(folder, storage.driver.names(folder)):
        has_children = True
        if child in _PARTS and is_name(text):
            parts.add(child)
        elif child.startswith("_"):
            storage.note_unknown(f"{folder}/{child}")
        else:
            async for name in _below(storage, (*segments, child)):
                yield name
    if parts:
        yield Name(text)
    if not has_children and segments:
        await _note_file(storage, folder)


async def _note_file(storage: Storage, path: str) -> None:
    """An empty folder is what is left of a repository; a file is something else."""
    try:
        info = await storage.driver.stat(path)
    except PathNotFound:
        return
    if not info.is_dir:
        storage.note_unknown(path)


async def exists(storage: Storage, name: Name) -> bool:
    """Whether there is anything of this name."""
    for folder in (manifests_folder(name), layers_folder(name), uploads_folder(name)):
        try:
            await storage.driver.stat(folder)
        except PathNotFound:
            continue
        return True
    return False


async def linked_digests(storage: Storage, name: Name) -> AsyncIterator[Digest]:
    """The blobs that the repository links to and that are there, each once."""
    seen: set[int] = set()
    for folder in (revisions_folder(name), layers_folder(name)):
        async for path, _ in storage.desk.listed(folder, storage.driver.walk(folder)):
            if not isinstance(recognise(path), RevisionLink | SignatureLink | LayerLink):
                continue
            link = await read_link(storage.driver, path)
            digest = None if link is None else link.digest
            if digest is not None and mark(digest) not in seen:
                seen.add(mark(digest))
                yield digest

"""A registry at work, step by step, with a ledger of what it has acknowledged.

Every step can be done again from wherever it stopped, as a client would do it: what the registry
says it has is not pushed again. `World` is one process at work on the storage; several may be at
work on one folder.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from layerstore.clock import Clock
from layerstore.oci import signed
from layerstore.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import BlobUnknown, DigestInvalid, ManifestUnknown, NameUnknown
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.paths import (
    BlobData,
    LayerLink,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    TagCurrent,
    UploadData,
    repository_folder,
)
from layerstore.registry.repository import Repository
from layerstore.registry.uploads import STATES_FROM_BYTES
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.ours import kept_secret
from tests.fakes import FakeClock
from tests.unit.oci.signers import document, host, payload

ALPINE: Final = Name("library/alpine")
TEAM: Final = Name("team/app")
OLD: Final = Name("library/old")
ABREAST: Final = (Name("abreast/one"), Name("abreast/two"))
LATEST: Final = Tag("latest")

Claims: TypeAlias = Mapping[str, frozenset[bytes | None]]
"""What may be at each path: one thing where the registry has answered, two while it works."""

ANYTHING: Final = b"anything"
"""In claims: another program was here, and what it left is not ours to answer for."""

Files: TypeAlias = Mapping[str, bytes | None]
"""What is to be at some paths; None: nothing."""


def random_bytes(label: str, size: int) -> bytes:
    """Bytes that depend on the label alone."""
    return hashlib.shake_128(label.encode()).digest(size)


Opened: TypeAlias = Callable[[Path, Clock], FilesystemDriver]
"""How a driver is opened."""


class Ledger:
    """What was acknowledged, and what is under way."""

    def __init__(self, claims: Claims | None = None, tell: Callable[[Claims], None] | None = None):
        self.claims: dict[str, frozenset[bytes | None]] = dict(claims or {})
        self._tell = tell or (lambda _: None)

    @contextmanager
    def changing(self, files: Files) -> Iterator[None]:
        """Inside, each of the files may be as before or as given; afterwards it is as given."""
        absent = frozenset([None])
        self._take({path: self.claims.get(path, absent) | {new} for path, new in files.items()})
        yield
        self._take({path: frozenset([new]) for path, new in files.items()})

    def expect_anything(self, files: Files) -> None:
        """Another program is about to write these files."""
        self._take({path: frozenset([ANYTHING]) for path in files})

    def _take(self, claims: Claims) -> None:
        self.claims |= claims
        self._tell(dict(self.claims))

    def below(self, folder: str) -> list[str]:
        """The paths below a folder of which anything is claimed."""
        return [path for path in self.claims if path.startswith(f"{folder}/")]


class World:
    """One process at work on the storage below `root`."""

    def __init__(
        self,
        root: Path,
        ledger: Ledger,
        seed: int,
        *,
        driver: Opened = FilesystemDriver,
        states_since: datetime | None = None,
    ) -> None:
        self.root = root
        self.ledger = ledger
        self.clock = FakeClock(seed)
        self.driver = driver(root, self.clock)
        notary = Notary(self.clock, takes_pushes=True, key=lambda: host(number=99))
        self._registry = LocalRegistry(
            self.driver, ProcessLocks(), self.clock, notary=notary, states_since=states_since
        )
        self.intended: dict[str, bytes] = {}
        """What each upload was begun for."""

    def repository(self, name: Name) -> Repository:
        return self._registry.repository(name)

    @property
    def registry(self) -> LocalRegistry:
        return self._registry

    def close(self) -> None:
        self.driver.close()

    async def push_blob(self, name: Name, content: bytes) -> None:
        """In one request, unless it is there."""
        blobs, digest = self.repository(name).blobs, Digest.of(content)
        if not await blobs.has(digest):
            with self.ledger.changing(blob_files(name, content)):
                await blobs.put(digest, chunks(content))

    async def push_manifest(
        self, name: Name, content: bytes, *tags: Tag, needs: tuple[bytes, ...] = ()
    ) -> None:
        """A manifest with tags; afterwards the blobs that it `needs` are there as well."""
        digest = Digest.of(content)
        files = manifest_files(name, content) | tag_files(name, digest, *tags)
        for each in needs:
            files |= blob_files(name, each)
        subject = msgspec.json.decode(content).get("subject")
        if subject is not None:
            link = ReferrerLink(name, Digest.parse(subject["digest"]), digest)
            files[link.path] = digest.encode()
        with self.ledger.changing(files):
            await self.repository(name).manifests.put(content, None, tags=tags)

    async def push_image(self, name: Name, label: str, *tags: Tag, layer: bytes) -> bytes:
        """Config, layer and manifest; the manifest."""
        config = config_of(label)
        await self.push_blob(name, config)
        await self.push_blob(name, layer)
        content = image(config, layer)
        await self.push_manifest(name, content, *tags, needs=(config, layer))
        return content


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def breaking(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    raise ConnectionResetError


def blob_files(name: Name, content: bytes) -> dict[str, bytes | None]:
    digest = Digest.of(content)
    return {LayerLink(name, digest).path: digest.encode(), BlobData(digest).path: content}


def manifest_files(name: Name, content: bytes) -> dict[str, bytes | None]:
    digest = Digest.of(content)
    return {RevisionLink(name, digest).path: digest.encode(), BlobData(digest).path: content}


def tag_files(name: Name, digest: Digest | None, *tags: Tag) -> dict[str, bytes | None]:
    content = None if digest is None else digest.encode()
    return {TagCurrent(name, tag).path: content for tag in tags}


def config_of(label: str) -> bytes:
    return b'{"architecture":"amd64","os":"linux","of":"%s"}' % label.encode()


def described(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def image(config: bytes, *layers: bytes, **more: Any) -> bytes:
    whole = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers],
    }
    return msgspec.json.encode(whole | more)


SECRET: Final = random_bytes("secret", 32)
SECRET_PATH: Final = "/layerstore/secret"
HASH_KEPT: Final = STATES_FROM_BYTES + 1000
LAYER: Final = random_bytes("layer", HASH_KEPT + 3000)
LARGE: Final = random_bytes("large", 1_100_000)
CONFIG: Final = config_of("first")
FIRST: Final = image(CONFIG, LAYER, LARGE)
SECOND: Final = image(config_of("second"), LAYER)
INDEX: Final = msgspec.json.encode(
    {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [described(each, OCI_MANIFEST) for each in (FIRST, SECOND)],
    }
)
REFERRER: Final = image(
    b"{}", LAYER, subject=described(FIRST, OCI_MANIFEST), artifactType="application/x-note"
)
PAYLOAD: Final = payload(str(OLD))
UNUSED: Final = random_bytes("unused", 2000)
KILLED: Final = random_bytes("killed", 5000)


async def keep_secret(world: World) -> None:
    """What every server does when it starts."""
    with world.ledger.changing({SECRET_PATH: SECRET.hex().encode()}):
        kept_secret(world.root, lambda _: SECRET, world.clock.new_id)


async def push_in_chunks(world: World) -> None:
    """A layer in chunks, one of which breaks off, each taken up by what is known of the upload.

    It is so long that the hash of what came is kept.
    """
    uploads = world.repository(ALPINE).uploads
    begun = await uploads.start()
    world.intended[begun.id] = LAYER
    await begun.append(chunks(LAYER[:HASH_KEPT]))
    with suppress(ConnectionResetError):
        part = LAYER[HASH_KEPT : HASH_KEPT + 700]
        await (await uploads.resume(begun.id)).append(breaking(part))
    session = await uploads.resume(begun.id)
    await session.append(chunks(LAYER[session.size :]))
    with world.ledger.changing(blob_files(ALPINE, LAYER)):
        await (await uploads.resume(begun.id)).commit(Digest.of(LAYER))


async def push_whole_into_session(world: World) -> None:
    """The config in one body of a session that is empty, and a large layer without any."""
    session = await world.repository(ALPINE).uploads.start()
    world.intended[session.id] = CONFIG
    with world.ledger.changing(blob_files(ALPINE, CONFIG)):
        await session.put(Digest.of(CONFIG), chunks(CONFIG))
    await world.push_blob(ALPINE, LARGE)


async def push_first(world: World) -> None:
    tags = (LATEST, Tag("v1"))
    await world.push_manifest(ALPINE, FIRST, *tags, needs=(CONFIG, LAYER, LARGE))


async def mount(world: World) -> None:
    """What one repository has is mounted into another."""
    for content in (CONFIG, LAYER, LARGE):
        with world.ledger.changing(blob_files(TEAM, content)):
            assert await world.repository(TEAM).blobs.mount(Digest.of(content), ALPINE)
    await world.push_manifest(TEAM, FIRST, LATEST, needs=(CONFIG, LAYER, LARGE))


async def retag(world: World) -> None:
    await world.push_image(ALPINE, "second", LATEST, layer=LAYER)


async def push_index(world: World) -> None:
    await world.push_manifest(ALPINE, INDEX, Tag("multi"))


async def push_referrer(world: World) -> None:
    await world.push_blob(ALPINE, b"{}")
    await world.push_manifest(ALPINE, REFERRER, needs=(b"{}", LAYER))


async def push_signed(world: World) -> None:
    """Two hosts sign one payload, one after the other."""
    await world.push_blob(OLD, b"layer")
    digest = Digest.of(PAYLOAD)
    for number in (1, 2):
        content = document(PAYLOAD, host(number=number))
        files = manifest_files(OLD, PAYLOAD) | tag_files(OLD, digest, LATEST)
        for signature in signed.split(content).signatures:
            kept = Digest.of(signature.stored())
            files[SignatureLink(OLD, digest, kept).path] = kept.encode()
            files[BlobData(kept).path] = signature.stored()
        with world.ledger.changing(files):
            put = world.repository(OLD).manifests.put
            await put(content, SCHEMA1_SIGNED, tags=[LATEST])


async def take_over_from_a_dead_process(world: World) -> None:
    """What a killed process has written without a sync is committed by another one."""
    uploads = world.repository(ALPINE).uploads
    begun = await uploads.start()
    world.intended[begun.id] = KILLED
    path = world.root / UploadData(ALPINE, begun.id).path[1:]
    await asyncio.to_thread(_write_unsynced, path, KILLED)
    session = await uploads.resume(begun.id)
    with world.ledger.changing(blob_files(ALPINE, KILLED)):
        await session.commit(Digest.of(KILLED))


def _write_unsynced(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY)
    os.pwrite(file, content, 0)
    os.close(file)


def _leave(root: Path, files: Files) -> None:
    for path, content in files.items():
        place = root / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(place, os.O_WRONLY | os.O_CREAT)
        os.pwrite(file, content or b"", 0)
        os.close(file)


async def give_up_uploads(world: World) -> None:
    """One is cancelled, one has other bytes than it says, one is left lying."""
    uploads = world.repository(ALPINE).uploads
    for finish in ("cancel", "wrong", "leave"):
        session = await uploads.start()
        world.intended[session.id] = UNUSED
        await session.append(chunks(UNUSED[:500]))
        if finish == "cancel":
            await session.cancel()
        elif finish == "wrong":
            with suppress(DigestInvalid):
                await session.commit(Digest.of(UNUSED))


async def push_abreast(world: World) -> None:
    """Two images at a time, in two repositories, with a layer that both share."""
    shared = random_bytes("shared", 4000)
    pushes = (world.push_image(name, name, LATEST, layer=shared) for name in ABREAST)
    await asyncio.gather(*pushes)


async def delete_tag(world: World) -> None:
    tag = Tag("v1")
    with suppress(ManifestUnknown), world.ledger.changing(tag_files(ALPINE, None, tag)):
        await world.repository(ALPINE).tags.delete(tag)


async def delete_manifests(world: World) -> None:
    """A referrer, then the index with its tag."""
    for content, gone in (
        (REFERRER, ReferrerLink(ALPINE, Digest.of(FIRST), Digest.of(REFERRER)).path),
        (INDEX, TagCurrent(ALPINE, Tag("multi")).path),
    ):
        digest = Digest.of(content)
        files = {RevisionLink(ALPINE, digest).path: None, gone: None}
        with suppress(ManifestUnknown), world.ledger.changing(files):
            await world.repository(ALPINE).manifests.delete(digest)


async def delete_blob(world: World) -> None:
    await world.push_blob(ALPINE, UNUSED)
    digest = Digest.of(UNUSED)
    with suppress(BlobUnknown), world.ledger.changing({LayerLink(ALPINE, digest).path: None}):
        await world.repository(ALPINE).blobs.delete(digest)


async def push_signed_over_and_delete(world: World) -> None:
    """A manifest with signatures is deleted, and pushed again where it was."""
    digest = Digest.of(PAYLOAD)
    gone = dict.fromkeys(world.ledger.below(f"{repository_folder(OLD)}/_manifests"))
    with suppress(ManifestUnknown), world.ledger.changing(gone):
        await world.repository(OLD).manifests.delete(digest)
    await push_signed(world)


async def lean_on_what_another_program_left(world: World) -> None:
    """The original syncs nothing; what it has stored may be named by a manifest of ours."""
    left = random_bytes("left", 3000)
    world.ledger.expect_anything(blob_files(ALPINE, left))
    await asyncio.to_thread(_leave, world.root, blob_files(ALPINE, left))
    content = image(CONFIG, left)
    await world.push_manifest(ALPINE, content, Tag("left"), needs=(left,))


async def delete_what_another_began_to_delete(world: World) -> None:
    """The referrer's entry is gone already, but nobody has synced that."""
    await push_referrer(world)
    digest = Digest.of(REFERRER)
    entry = ReferrerLink(ALPINE, Digest.of(FIRST), digest).path
    gone = {RevisionLink(ALPINE, digest).path: None, entry: None}
    folder = (world.root / entry[1:]).parent
    with suppress(ManifestUnknown), world.ledger.changing(gone):
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await world.repository(ALPINE).manifests.delete(digest)


async def delete_repository(world: World) -> None:
    gone = dict.fromkeys(world.ledger.below(repository_folder(TEAM)))
    with suppress(NameUnknown), world.ledger.changing(gone):
        await world.repository(TEAM).delete()


async def push_after_the_delete(world: World) -> None:
    await push_index(world)
    await push_referrer(world)
    await mount(world)


async def tidy(world: World) -> None:
    await world.driver.tidy()


Step: TypeAlias = Callable[[World], Awaitable[None]]

STEPS: Final[tuple[Step, ...]] = (
    keep_secret,
    push_in_chunks,
    push_whole_into_session,
    push_first,
    mount,
    retag,
    push_index,
    push_referrer,
    push_signed,
    take_over_from_a_dead_process,
    give_up_uploads,
    push_abreast,
    delete_tag,
    delete_manifests,
    delete_blob,
    push_signed_over_and_delete,
    lean_on_what_another_program_left,
    delete_what_another_began_to_delete,
    delete_repository,
    tidy,
    push_after_the_delete,
)

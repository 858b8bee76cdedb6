"""A repository's manifests: is each there, can it be read, and is all there that it names?"""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from layerstore.oci import schema1
from layerstore.oci.descriptor import SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid
from layerstore.oci.manifest import (
    MANIFEST_BYTES_MAX,
    Manifest,
    media_type_of,
    parse,
)
from layerstore.registry.paths import (
    BlobData,
    ReferrerLink,
    RevisionLink,
    SignatureLink,
    recognise,
    revisions_folder,
)
from layerstore.upkeep.check.blobs import bad_bytes
from layerstore.upkeep.check.case import LOOKS_AT_ONCE, Case
from layerstore.upkeep.check.content import side_by_side
from layerstore.upkeep.check.findings import Finding, Kind, Mend
from layerstore.upkeep.check.signatures import SignatureCheck

_PUSH_AGAIN: Final = "push it again, or remove it: layerstore manifest delete"


class Reading(NamedTuple):
    """What a stored manifest turned out to name."""

    manifest: Manifest
    blobs: tuple[Digest, ...]
    is_schema1: bool


class RevisionCheck:
    """Examines the revisions of one repository, and learns which blobs they need."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._storage = case.storage
        self._view = case.view
        self._name = case.view.name
        self._bytes_max = max(case.storage.rules.bytes_max, MANIFEST_BYTES_MAX)
        self._signatures = SignatureCheck(case)
        self.count = 0
        """How many were examined."""

    async def all(self) -> None:
        """Examine every revision."""
        await side_by_side(self._digests(), LOOKS_AT_ONCE, self._one)

    async def _digests(self) -> AsyncIterator[Digest]:
        folder = revisions_folder(self._name)
        async for path, _ in self._storage.desk.listed(folder, self._storage.driver.walk(folder)):
            found = recognise(path)
            if isinstance(found, RevisionLink):
                yield found.revision
            elif isinstance(found, SignatureLink):
                self._storage.note_link(found.signature)
            self._storage.note_unknown(path)

    async def _one(self, digest: Digest) -> None:
        await self._storage.desk.examine(
            RevisionLink(self._name, digest).path,
            lambda: self._look(digest),
            lambda: self._storage.locks.digest(self._name, digest),
        )
        self.count += 1

    async def _look(self, digest: Digest) -> list[Finding]:
        place = RevisionLink(self._name, digest)
        link = await self._view.link(place.path)
        if link is None:
            return []
        target = link.target(digest)
        findings = []
        if target is None:
            findings.append(self._broken(place, link.complaint))
        self._storage.note_link(target or digest)
        return findings + await self._look_at_content(digest, target or digest)

    def _broken(self, place: RevisionLink, complaint: str) -> Finding:
        async def write() -> bool:
            await self._storage.links.write(place.path, place.revision)
            return True

        return self._finding(
            Kind.BROKEN_LINK, place.revision, complaint, "writes it anew", mend=write
        )

    async def _look_at_content(self, digest: Digest, target: Digest) -> list[Finding]:
        size = await self._view.blobs.size(target)
        if size is None:
            return [self._lost(digest, "its content is not there")]
        if size > self._bytes_max:
            return [self._unreadable(digest, f"{size} bytes are more than a manifest may have")]
        content = await self._view.blobs.get(target)
        if content is None or Digest.of(content, target.algorithm) != target:
            return await self._damaged(digest, target)
        return await self._look_at_document(digest, content)

    async def _damaged(self, digest: Digest, target: Digest) -> list[Finding]:
        lost = self._lost(digest, "its content is damaged")
        if target in self._storage.bad:
            return [lost]
        info = await self._storage.driver.stat(BlobData(target).path)
        return [bad_bytes(self._storage, target, info), lost]

    def _lost(self, digest: Digest, text: str) -> Finding:
        self._case.needs.is_complete = False
        return self._finding(Kind.LOST_MANIFEST, digest, text, _PUSH_AGAIN)

    def _unreadable(self, digest: Digest, text: str) -> Finding:
        self._case.needs.is_complete = False
        return self._finding(Kind.BAD_MANIFEST, digest, text, _PUSH_AGAIN)

    async def _look_at_document(self, digest: Digest, content: bytes) -> list[Finding]:
        try:
            reading = read(content)
        except ManifestInvalid as error:
            return [self._unreadable(digest, error.text)]
        self._case.needs.blobs.update(reading.blobs)
        findings = await self._missing(digest, reading)
        findings += await self._missing_referrer(digest, reading.manifest)
        if reading.is_schema1:
            findings += await self._signatures.look(digest, content)
        return findings

    async def _missing(self, digest: Digest, reading: Reading) -> list[Finding]:
        rules, findings = self._storage.rules, []
        for blob in reading.blobs:
            complaint = await self._missing_blob(blob, is_required=rules.references == "all")
            if complaint:
                text = f"it names a blob that {complaint}: {blob}"
                findings.append(
                    self._finding(Kind.MISSING_BLOB, digest, text, "push the blob again")
                )
        for child in reading.manifest.children:
            is_required = rules.references == "all" and rules.wants_child(child)
            complaint = await self._missing_child(child.digest, is_required=is_required)
            if complaint:
                text = f"it names a manifest that {complaint}: {child.digest}"
                findings.append(
                    self._finding(Kind.MISSING_CHILD, digest, text, "push the manifest again")
                )
        return findings

    async def _missing_blob(self, blob: Digest, *, is_required: bool) -> str:
        """What is the matter with it; nothing if all is well."""
        target = await self._view.layer(blob)
        if target is None:
            return "is not linked here" if is_required else ""
        return await self._bad_content(target)

    async def _missing_child(self, child: Digest, *, is_required: bool) -> str:
        target = await self._view.revision(child)
        if target is None:
            is_here = not is_required or await self._view.is_misplaced(child)
            return "" if is_here else "is not linked here"
        return await self._bad_content(target)

    async def _bad_content(self, target: Digest) -> str:
        if await self._storage.has_good(target):
            return ""
        return "is not there" if await self._view.blobs.size(target) is None else "is damaged"

    async def _missing_referrer(self, digest: Digest, manifest: Manifest) -> list[Finding]:
        if manifest.subject is None:
            return []
        path = ReferrerLink(self._name, manifest.subject.digest, digest).path
        if await self._view.link(path) is not None:
            return []

        async def write() -> bool:
            await self._storage.links.write(path, digest)
            return True

        text = f"no referrer entry leads to it from its subject {manifest.subject.digest}"
        return [self._finding(Kind.MISSING_REFERRER, digest, text, "writes the entry", mend=write)]

    def _finding(
        self, kind: Kind, digest: Digest, text: str, repair: str, mend: Mend | None = None
    ) -> Finding:
        path = RevisionLink(self._name, digest).path
        return Finding(kind, path, text, repair, self._name, digest=digest, mend=mend)


def read(content: bytes) -> Reading:
    """What a manifest of any type names, layers that live elsewhere left out; ManifestInvalid."""
    media_type = media_type_of(content)
    if media_type in (SCHEMA1, SCHEMA1_SIGNED):
        facts = schema1.parse(content)
        return Reading(facts.manifest, facts.digests, is_schema1=media_type == SCHEMA1)
    manifest = parse(content, media_type, references_max=len(content))
    blobs = dict.fromkeys(each.digest for each in manifest.blobs() if not each.may_live_elsewhere)
    return Reading(manifest, tuple(blobs), is_schema1=False)

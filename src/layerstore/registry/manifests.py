"""ManifestStore: verify, put, get, delete — and the order in which things are written.

    put:     `_layers` → content → revision link → signatures → referrer → tags      (I3)
    delete:  tags → referrer → signatures → revision link                  (the other way)

What a crash leaves in between is harmless: content that nobody sees, a revision without its tag,
a referrer entry whose revision is gone. A put and a delete of one revision, or of one tag, never
cross: both hold its key. Of schema 1 the payload is what is kept; the notary takes documents apart
and puts them together.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from layerstore.oci.descriptor import SCHEMA1
from layerstore.oci.digest import CANONICAL, Digest
from layerstore.oci.errors import (
    DigestInvalid,
    ManifestInvalid,
    ManifestUnknown,
    RegistryError,
    SeveralErrors,
    raise_all,
)
from layerstore.oci.manifest import Manifest, parse
from layerstore.oci.name import Name, Reference, Tag
from layerstore.oci.schema1 import is_schema1
from layerstore.registry.blobs import BlobStore, LinkedBlobs
from layerstore.registry.locks import Locks
from layerstore.registry.notary import Notary, Submission, Witness
from layerstore.registry.paths import layers_folder
from layerstore.registry.references import ManifestRules, ReferenceCheck
from layerstore.registry.referrers import Referrers, fallback_tag
from layerstore.registry.revisions import RevisionStore, StoredManifest, signed_by
from layerstore.registry.signatures import SignatureStore
from layerstore.registry.tags import TagStore
from layerstore.storage.driver import PathNotFound, StorageDriver

_log = logging.getLogger(__name__)

UNTAGS_AT_ONCE: Final = 16
"""Tags looked at side by side when a revision goes, unless a setting says otherwise."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A manifest that was put: its digest, its type, and the subject that was noted."""

    digest: Digest
    media_type: str
    subject: Digest | None = None


class TagPermit(Protocol):
    """Whether a tag may be let lead elsewhere, asked while nobody else can change it."""

    def __call__(self, tag: Tag, present: Digest | None) -> None:
        """`present` is where the tag leads now, None nowhere. Raises Denied."""


class ManifestStore:
    """The manifests of one repository, by digest and by tag."""

    def __init__(
        self,
        name: Name,
        driver: StorageDriver,
        blobs: BlobStore,
        linked: LinkedBlobs,
        revisions: RevisionStore,
        tags: TagStore,
        referrers: Referrers,
        signatures: SignatureStore,
        notary: Notary,
        locks: Locks,
        rules: ManifestRules,
        untags_at_once: int = UNTAGS_AT_ONCE,
    ) -> None:
        self._name = name
        self._driver = driver
        self._blobs = blobs
        self._linked = linked
        self._revisions = revisions
        self._tags = tags
        self._referrers = referrers
        self._signatures = signatures
        self._notary = notary
        self._locks = locks
        self._rules = rules
        self._untags_at_once = untags_at_once
        self._check = ReferenceCheck(rules, linked, revisions)

    async def get(self, reference: Reference) -> StoredManifest:
        """The manifest that a tag leads to, or that has the digest. Raises ManifestUnknown.

        One of schema 1 comes with its signatures, so that its bytes are more than the digest's.
        """
        digest = reference if isinstance(reference, Digest) else await self._tags.current(reference)
        kept = await self._revisions.get(digest)
        if kept is None:
            raise self._unknown(digest)
        if kept.media_type != SCHEMA1:
            return kept
        signatures = await self._signatures.get(digest)
        return signed_by(kept, self._notary.issue(kept.content, signatures))

    async def witnesses(self, digest: Digest) -> list[Witness]:
        """The signatures that are kept of a revision, judged. Raises ManifestUnknown."""
        kept = await self.kept(digest)
        signatures = await self._signatures.get(digest)
        return [self._notary.judge(kept.content, signature) for signature in signatures]

    async def kept(self, digest: Digest) -> StoredManifest:
        """The revision as it is stored: of schema 1 the payload. Raises ManifestUnknown."""
        stored = await self._revisions.get(digest)
        if stored is None:
            raise self._unknown(digest)
        return stored

    def _unknown(self, digest: Digest) -> ManifestUnknown:
        return ManifestUnknown({"name": self._name, "revision": digest})

    async def put(
        self,
        content: bytes,
        media_type: str | None,
        *,
        digest: Digest | None = None,
        tags: Sequence[Tag] = (),
        algorithm: str = CANONICAL,
        permit: TagPermit | None = None,
    ) -> Placed:
        """Verify a manifest and make it a revision, and what the tags lead to.

        `digest` is what the content must have; without, it gets one of `algorithm`. `permit` is
        asked about every tag that does not lead there already. Raises
        DigestInvalid, ManifestInvalid, Denied, ManifestBlobUnknown or several at once, and then
        nothing is stored; for schema 1 also MediaTypeUnsupported, ManifestUnverified, NameInvalid
        and TagInvalid. When this returns, all of it is durable (I5).
        """
        submission = self._receive(content, media_type, tags)
        found = Digest.of(submission.content, digest.algorithm if digest else algorithm)
        if digest is not None and digest != found:
            raise DigestInvalid({"expected": digest, "found": found})
        await self._verify(submission)
        await self._place(found, submission, tags, permit)
        manifest = submission.manifest
        subject = manifest.subject.digest if manifest.subject is not None else None
        return Placed(found, manifest.media_type, subject)

    def _receive(self, content: bytes, media_type: str | None, tags: Sequence[Tag]) -> Submission:
        limit = self._rules.references_max
        if is_schema1(content, media_type):
            return self._notary.receive(content, self._name, tags, layers_max=limit)
        return Submission(content, parse(content, media_type, references_max=limit))

    async def _verify(self, submission: Submission) -> None:
        """Raise what is wrong in the document together with what is wrong with its references."""
        errors = list(submission.errors)
        try:
            await self._check.check(submission.manifest)
        except SeveralErrors as several:
            errors += several.errors
        except RegistryError as error:
            errors.append(error)
        raise_all(errors)

    async def _place(
        self,
        digest: Digest,
        submission: Submission,
        tags: Sequence[Tag],
        permit: TagPermit | None = None,
    ) -> None:
        async with self._locks.digest(self._name, digest), self._locks.tags(self._name, tags):
            if permit is not None:
                await self._ask(permit, tags, digest)
            signatures = await self._signatures.fitting(digest, submission.signatures)
            await self._write(digest, submission._replace(signatures=signatures), tags)

    async def _ask(self, permit: TagPermit, tags: Sequence[Tag], digest: Digest) -> None:
        for tag in tags:
            present = await self._tags.present(tag)
            if present != digest:
                permit(tag, present)

    async def _write(self, digest: Digest, submission: Submission, tags: Sequence[Tag]) -> None:
        if not self._links_layers(submission.manifest):
            await self._see_to_layers_folder()
        await self._revisions.put(digest, submission.content)
        await self._signatures.put(digest, submission.signatures)
        subject = submission.manifest.subject
        if subject is not None:
            await self._referrers.add(subject.digest, digest)
        for tag in tags:
            await self._tags.set(tag, digest)

    def _links_layers(self, manifest: Manifest) -> bool:
        """Whether what was verified says that there is a `_layers` folder."""
        return self._rules.references == "all" and any(
            not blob.may_live_elsewhere for blob in manifest.blobs()
        )

    async def _see_to_layers_folder(self) -> None:
        """The original's collectors pass over, or stop at, one without it (decisions 2)."""
        try:
            await self._driver.stat(layers_folder(self._name))
        except PathNotFound:
            await self._linked.keep()

    async def delete(self, digest: Digest) -> None:
        """Take a revision away with all tags that lead to it. Raises ManifestUnknown.

        Its content stays, for other repositories may link to it. A tag that is let lead elsewhere
        meanwhile stays too.
        """
        async with self._locks.digest(self._name, digest):
            manifest = await self._known(digest)
            await self._untag(digest)
            if manifest is not None and manifest.subject is not None:
                await self._referrers.remove(manifest.subject.digest, digest)
            await self._signatures.remove(digest)
            await self._revisions.unlink(digest)
        if manifest is not None and manifest.subject is not None:
            await self._drop_from_fallback(manifest.subject.digest, digest)

    async def _known(self, digest: Digest) -> Manifest | None:
        """The manifest, None where its content cannot be read; ManifestUnknown without a link."""
        stored = await self._revisions.get(digest)
        if stored is None:
            if not await self._revisions.linked(digest):
                raise ManifestUnknown({"name": self._name, "revision": digest})
            return None
        try:
            return parse(stored.content, stored.media_type)
        except ManifestInvalid:
            return None

    async def _untag(self, digest: Digest) -> None:
        """Every tag is asked, a bounded number at once; their names come lazily."""
        try:
            await self._untag_side_by_side(digest)
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def _untag_side_by_side(self, digest: Digest) -> None:
        waiting: set[asyncio.Task[bool]] = set()
        async with asyncio.TaskGroup() as group:
            async for tag in self._tags.names():
                if len(waiting) >= self._untags_at_once:
                    _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                waiting.add(group.create_task(self._tags.delete_if_leads_to(tag, digest)))
        await self._tags.settle()

    async def _drop_from_fallback(self, subject: Digest, referrer: Digest) -> None:
        """Keep the list that older clients read in step with what is gone.

        The list is written as it is, unchecked: what else it names may be gone already.
        """
        tag = fallback_tag(subject)
        stored = await self._referrers.fallback(subject)
        content = without_child(stored.content, referrer) if stored is not None else None
        if stored is None or content is None:
            return
        if content:
            digest = Digest.of(content, stored.digest.algorithm)
            await self._place(digest, Submission(content, parse(content, stored.media_type)), [tag])
        else:
            await self._tags.delete_if_leads_to(tag, stored.digest)


def without_child(index: bytes, child: Digest) -> bytes | None:
    """The index without one of its children: empty when that was the last, None when it has none.

    For the lists that clients keep under fallback tags; every other field stays.
    """
    # Any: the document's other fields are the client's.
    document: dict[str, Any] = msgspec.json.decode(index, type=dict[str, Any])
    children = document.get("manifests") or []
    kept = [entry for entry in children if entry.get("digest") != child]
    if len(kept) == len(children):
        return None
    return msgspec.json.encode(document | {"manifests": kept}) if kept else b""

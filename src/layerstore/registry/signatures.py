"""SignatureStore: who signed the manifests of one repository.

A signature is an ordinary blob, linked below its revision (registry-facts §1.10); so whatever hosts
push one payload, their signatures gather there. Nothing is verified here.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence

from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid
from layerstore.oci.name import Name
from layerstore.oci.signed import SIGNATURES_MAX, Signature, read_signature
from layerstore.registry.blobs import BlobStore
from layerstore.registry.links import LinkStore
from layerstore.registry.paths import SignatureLink, recognise, signatures_folder
from layerstore.storage.driver import StorageDriver

_log = logging.getLogger(__name__)


class SignatureStore:
    """The signatures of revisions, as the versions 2.0 to 2.4 of the original keep them."""

    def __init__(
        self, name: Name, driver: StorageDriver, blobs: BlobStore, links: LinkStore
    ) -> None:
        self._name = name
        self._driver = driver
        self._blobs = blobs
        self._links = links

    async def get(self, revision: Digest) -> list[Signature]:
        """The first SIGNATURES_MAX signatures in order of digest; none when there are none.

        What cannot be read is left out and reported.
        """
        found: list[Signature] = []
        async for digest in self.digests(revision):
            signature = await self._read(revision, digest)
            if signature is not None:
                found.append(signature)
            if len(found) == SIGNATURES_MAX:
                break
        return found

    async def digests(self, revision: Digest) -> AsyncIterator[Digest]:
        """The blobs that are linked as signatures of the revision."""
        async for path, _ in self._driver.walk(signatures_folder(self._name, revision)):
            if not isinstance(recognise(path), SignatureLink):
                continue
            digest = await self._links.read(path)
            if digest is not None:
                yield digest

    async def _read(self, revision: Digest, digest: Digest) -> Signature | None:
        content = await self._blobs.get(digest)
        try:
            if content is not None:
                return read_signature(content)
        except ManifestInvalid:
            pass
        _log.warning("a signature of %s@%s cannot be read: %s", self._name, revision, digest)
        return None

    async def fitting(self, revision: Digest, more: Sequence[Signature]) -> Sequence[Signature]:
        """Those of the signatures for which there is room; what is linked already needs none.

        Where room is scarce, who has signed before need not be heard again: a host that pushes the
        same image every night signs anew every time. Raises ManifestInvalid when there is no room
        for somebody new.
        """
        if not more:
            return ()
        linked = {digest async for digest in self.digests(revision)}
        fresh = [each for each in more if Digest.of(each.stored()) not in linked]
        if len(linked) + len(fresh) <= SIGNATURES_MAX:
            return more
        known = {signature.header for signature in await self.get(revision)}
        fresh = [each for each in fresh if each.header not in known]
        if len(linked) + len(fresh) > SIGNATURES_MAX:
            raise ManifestInvalid(
                {"limit": SIGNATURES_MAX, "signatures": len(linked) + len(fresh)},
                message="the manifest would have more signatures than is allowed",
            )
        return fresh

    async def put(self, revision: Digest, signatures: Iterable[Signature]) -> None:
        """Keep signatures beside those that are there; what is kept already is not written again.

        For ManifestStore, which holds the revision's key.
        """
        for signature in signatures:
            content = signature.stored()
            digest = Digest.of(content)
            await self._blobs.put(digest, content)
            await self._links.ensure(SignatureLink(self._name, revision, digest).path, digest)

    async def remove(self, revision: Digest) -> None:
        """Take all of the revision's signatures away; their blobs stay, as content always does."""
        await self._driver.delete(signatures_folder(self._name, revision))

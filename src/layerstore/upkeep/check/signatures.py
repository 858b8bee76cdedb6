"""The signatures of schema 1 manifests: is each there, and does it hold?"""

from typing import Final

from layerstore.oci import signed
from layerstore.oci.digest import Digest
from layerstore.oci.errors import ManifestInvalid, ManifestUnverified
from layerstore.registry.notary import reason_of
from layerstore.registry.paths import BlobData, SignatureLink, recognise, signatures_folder
from layerstore.upkeep.check.blobs import bad_bytes
from layerstore.upkeep.check.case import Case
from layerstore.upkeep.check.findings import Finding, Kind, Mend
from layerstore.upkeep.check.view import Link

_PUSH_AGAIN: Final = "push the manifest again"


class SignatureCheck:
    """Examines signatures while their revision is examined, and under its key."""

    def __init__(self, case: Case) -> None:
        self._storage = case.storage
        self._view = case.view

    async def look(self, revision: Digest, payload: bytes) -> list[Finding]:
        """What is the matter with the signatures of this payload."""
        folder = signatures_folder(self._view.name, revision)
        findings: list[Finding] = []
        async for path, _ in self._storage.driver.walk(folder):
            place = recognise(path)
            link = await self._view.link(path)
            if isinstance(place, SignatureLink) and link is not None:
                findings += await self._one(place, link, payload)
        return findings

    async def _one(self, place: SignatureLink, link: Link, payload: bytes) -> list[Finding]:
        content = await self._view.blobs.get(place.signature)
        if link.target(place.signature) is None:
            return [self._broken(place, link, is_there=content is not None)]
        if content is None:
            return [await self._lost(place)]
        if Digest.of(content, place.signature.algorithm) != place.signature:
            return await self._damaged(place)
        complaint = _complaint(content, payload)
        if not complaint:
            return []
        return [
            self._finding(
                Kind.BAD_SIGNATURE,
                place,
                f"the signature does not hold: {complaint}",
                "removes its link",
                lambda: self._remove(place),
            )
        ]

    async def _damaged(self, place: SignatureLink) -> list[Finding]:
        text = "the signature's bytes are damaged"
        lost = self._finding(Kind.LOST_SIGNATURE, place, text, _PUSH_AGAIN, None)
        if place.signature in self._storage.bad:
            return [lost]
        info = await self._storage.driver.stat(BlobData(place.signature).path)
        return [bad_bytes(self._storage, place.signature, info), lost]

    def _broken(self, place: SignatureLink, link: Link, *, is_there: bool) -> Finding:
        async def write() -> bool:
            await self._storage.links.write(place.path, place.signature)
            return True

        repair = "writes it anew" if is_there else "removes it: its signature is not there"
        mend: Mend = write if is_there else lambda: self._remove(place)
        return self._finding(Kind.BROKEN_LINK, place, link.complaint, repair, mend)

    async def _lost(self, place: SignatureLink) -> Finding:
        text = "the signature is not there"
        if await self._storage.quarantine.holds(place.signature):
            return self._finding(Kind.LOST_SIGNATURE, place, text, _PUSH_AGAIN, None)
        return self._finding(
            Kind.LOST_SIGNATURE, place, text, "removes its link", lambda: self._remove(place)
        )

    async def _remove(self, place: SignatureLink) -> bool:
        await self._storage.links.remove(place.path)
        return True

    def _finding(
        self, kind: Kind, place: SignatureLink, text: str, repair: str, mend: Mend | None
    ) -> Finding:
        return Finding(
            kind, place.path, text, repair, place.name, digest=place.signature, mend=mend
        )


def _complaint(content: bytes, payload: bytes) -> str:
    """Why a stored signature is not one of this payload; nothing if it is."""
    try:
        signed.verify(payload, signed.read_signature(content))
    except ManifestUnverified as error:
        return reason_of(error)
    except ManifestInvalid as error:
        return error.text
    return ""

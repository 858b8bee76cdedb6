"""The manifests that have a subject (specification, Listing Referrers)."""

from dataclasses import replace

import msgspec

from layerstore.api.calls import ListReferrers
from layerstore.api.documents import encode
from layerstore.api.exchange import Exchange
from layerstore.api.options import LIST_BYTES_MAX, REFERRERS_PAGE_MAX
from layerstore.oci.descriptor import OCI_INDEX, Descriptor
from layerstore.oci.digest import Digest
from layerstore.web.message import Response


async def list_referrers(call: ListReferrers, exchange: Exchange) -> Response:
    """An index, empty where repository or subject are unknown, and never a 404."""
    entries, last = await _page(call, exchange)
    headers = [("content-type", OCI_INDEX)]
    if call.artifact_type is not None:
        headers.append(("oci-filters-applied", "artifactType"))
    if last is not None:
        headers.append(exchange.next_page(replace(call, last=last)))
    return Response(200, headers, _index(entries))


async def _page(call: ListReferrers, exchange: Exchange) -> tuple[list[bytes], Digest | None]:
    """The descriptors of one page, encoded, and the last one's digest when there are more."""
    taken: list[bytes] = []
    size, last = 0, None
    referrers = exchange.repository(call.name).referrers
    async for descriptor in referrers.of(call.subject, call.last or ""):
        if not _wanted(descriptor, call.artifact_type):
            continue
        entry = encode(descriptor)
        size += len(entry) + 1
        if taken and (len(taken) == REFERRERS_PAGE_MAX or size > LIST_BYTES_MAX):
            return taken, last
        taken.append(entry)
        last = descriptor.digest
    return taken, None


def _wanted(descriptor: Descriptor, artifact_type: str | None) -> bool:
    return artifact_type is None or descriptor.artifact_type == artifact_type


def _index(entries: list[bytes]) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [msgspec.Raw(entry) for entry in entries],
    }
    return encode(document)

"""Blobs: their bytes, or where to fetch them."""

from typing import Final

from layerstore.api.calls import DeleteBlob, GetBlob
from layerstore.api.exchange import Exchange, Header
from layerstore.oci.descriptor import OCTET_STREAM
from layerstore.registry.blobs import Blob
from layerstore.web.message import FileBody, Response, StreamBody
from layerstore.web.ranges import partial

IMMUTABLE_S: Final = 365 * 24 * 60 * 60
"""Seconds for which a blob may be kept by a cache: it never changes."""


async def get_blob(call: GetBlob, exchange: Exchange) -> Response:
    blob = await exchange.repository(call.name).blobs.stat(call.digest)
    etag = f'"{blob.digest}"'
    headers = _headers(blob, etag)
    decided = exchange.unless_held(etag, headers)
    if decided is not None:
        return decided
    elsewhere = await _elsewhere(blob, exchange)
    if elsewhere is not None:
        return Response(307, [("location", elsewhere), ("docker-content-digest", blob.digest)])
    if exchange.request.method == "HEAD":
        return Response(200, headers, length=blob.size)
    whole = Response(200, headers, _whole(blob))
    return partial(exchange.request, whole, blob.size, etag, blob.read)


async def delete_blob(call: DeleteBlob, exchange: Exchange) -> Response:
    await exchange.repository(call.name).blobs.delete(call.digest)
    return Response(202)


async def _elsewhere(blob: Blob, exchange: Exchange) -> str | None:
    if not exchange.options.redirect:
        return None
    return await blob.url(exchange.options.redirect_lifetime_s, exchange.request.method)


def _headers(blob: Blob, etag: str) -> list[Header]:
    return [
        ("content-type", OCTET_STREAM),
        ("docker-content-digest", blob.digest),
        ("etag", etag),
        ("cache-control", f"max-age={IMMUTABLE_S}"),
        ("accept-ranges", "bytes"),
    ]


def _whole(blob: Blob) -> FileBody | StreamBody:
    path = blob.file()
    return StreamBody(blob.read(), blob.size) if path is None else FileBody(path, blob.size)

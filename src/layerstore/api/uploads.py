"""Bringing a blob: by mounting it, in one request, or through a session."""

from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress

from layerstore.api.calls import (
    AppendChunk,
    CancelUpload,
    FinishUpload,
    GetBlob,
    StartUpload,
    UploadStatus,
)
from layerstore.api.errors import StandsElsewhere
from layerstore.api.exchange import Exchange, Header
from layerstore.api.options import NAMED_SOURCES_MAX
from layerstore.api.spans import chunk_span, exactly
from layerstore.api.state import UploadState, written
from layerstore.auth.access import REPOSITORY, Access
from layerstore.oci.descriptor import OCTET_STREAM
from layerstore.oci.digest import CANONICAL, Digest
from layerstore.oci.errors import (
    BlobUploadUnknown,
    MediaTypeUnsupported,
    NameInvalid,
    RangeInvalid,
    UploadOffsetInvalid,
)
from layerstore.oci.name import Name, parse_name
from layerstore.registry.uploads import UploadSession
from layerstore.web.message import Request, Response


async def start_upload(call: StartUpload, exchange: Exchange) -> Response:
    blobs = exchange.repository(call.name).blobs
    if call.mount is not None and await _mount(call, call.mount, exchange):
        return _created(call.name, call.mount, exchange)
    if call.digest is not None:
        with exchange.receiving():
            await blobs.put(call.digest, exchange.request.body)
        return _created(call.name, call.digest, exchange)
    session = await exchange.repository(call.name).uploads.start()
    headers = _headers(call.name, session, exchange, call.algorithm)
    least = exchange.options.chunk_bytes_min
    return Response(
        202, headers + ([] if least is None else [("oci-chunk-min-length", str(least))])
    )


async def _mount(call: StartUpload, digest: Digest, exchange: Exchange) -> bool:
    blobs = exchange.repository(call.name).blobs
    if call.source is not None:
        return await blobs.mount(digest, call.source)
    if exchange.grant.pulls_everything:
        return await blobs.adopt(digest)
    for source in _readable_sources(call.name, exchange):
        if await blobs.mount(digest, source):
            return True
    return False


def _readable_sources(own: Name, exchange: Exchange) -> Iterator[Name]:
    """Where a mount without `from` may look: the answer depends on nothing else (decisions 10)."""
    yield own
    for text in exchange.grant.named()[:NAMED_SOURCES_MAX]:
        try:
            name = parse_name(text)
        except NameInvalid:
            continue
        if exchange.grant.allows(Access(REPOSITORY, name, "pull")):
            yield name


async def upload_status(call: UploadStatus, exchange: Exchange) -> Response:
    session = await exchange.repository(call.name).uploads.resume(call.upload_id)
    return Response(204, _headers(call.name, session, exchange, call.algorithm))


async def append_chunk(call: AppendChunk, exchange: Exchange) -> Response:
    _expect_octets(exchange.request)
    session, body = await _resume(call, exchange, call.algorithm)
    with exchange.receiving(), _telling_where(call.name, session, exchange, call.algorithm):
        await session.append(body, at=session.size, algorithm=call.algorithm or CANONICAL)
    return Response(202, _headers(call.name, session, exchange, call.algorithm))


async def finish_upload(call: FinishUpload, exchange: Exchange) -> Response:
    """The body is the last chunk, or the whole blob, or empty."""
    try:
        await _finish(call, exchange)
    except StandsElsewhere as error:
        if error.size or not await _was_finished(call, exchange):
            raise
        await _forget(call, exchange)
    except BlobUploadUnknown:
        if not await _was_finished(call, exchange):
            raise
    return _created(call.name, call.digest, exchange)


async def _finish(call: FinishUpload, exchange: Exchange) -> None:
    algorithm = call.digest.algorithm
    session, body = await _resume(call, exchange, algorithm)
    with exchange.receiving(), _telling_where(call.name, session, exchange, algorithm):
        if session.size == 0:
            await session.put(call.digest, body)
            return
        if exchange.request.body.length != 0:
            await session.append(body, at=session.size, algorithm=algorithm)
        await session.commit(call.digest)


async def _was_finished(call: FinishUpload, exchange: Exchange) -> bool:
    """Whether a server committed this upload and died before it said so.

    The client was told of its bytes, the session has none of them or is gone, and the repository
    has the blob, of the size that it would have with this body.
    """
    told = exchange.sealer.open(call.state, call.name, call.upload_id)
    blobs, rest = exchange.repository(call.name).blobs, exchange.request.body.length
    if not told.offset or rest is None or not await blobs.holds(call.digest):
        return False
    return (await blobs.stat(call.digest)).size == told.offset + rest


async def _forget(call: FinishUpload, exchange: Exchange) -> None:
    """Take away what the dead server left; another one may have done so."""
    with suppress(BlobUploadUnknown):
        session = await exchange.repository(call.name).uploads.resume(call.upload_id)
        await session.cancel()


async def cancel_upload(call: CancelUpload, exchange: Exchange) -> Response:
    """Any state of the session will do, also an old one: nothing is added to it."""
    exchange.sealer.open(call.state, call.name, call.upload_id)
    session = await exchange.repository(call.name).uploads.resume(call.upload_id)
    await session.cancel()
    return Response(204, [("docker-upload-uuid", call.upload_id)])


async def _resume(
    call: AppendChunk | FinishUpload, exchange: Exchange, algorithm: str | None
) -> tuple[UploadSession, AsyncIterable[bytes]]:
    """The session, standing where the client believes it to stand, and what it shall take."""
    state = exchange.sealer.open(call.state, call.name, call.upload_id)
    session = await exchange.repository(call.name).uploads.resume(call.upload_id)
    with _telling_where(call.name, session, exchange, algorithm):
        span = chunk_span(exchange.request)
        if state.offset != session.size or (span is not None and span.first != session.size):
            raise UploadOffsetInvalid(session.size)
    body = exchange.request.body
    return session, body if span is None else exactly(body, span.size)


@contextmanager
def _telling_where(
    name: Name, session: UploadSession, exchange: Exchange, algorithm: str | None
) -> Iterator[None]:
    """A 416 from here on tells where to go on (decisions 1)."""
    try:
        yield
    except RangeInvalid as error:
        size = error.size if isinstance(error, UploadOffsetInvalid) else session.size
        session.size = size
        raise StandsElsewhere(size, _headers(name, session, exchange, algorithm), error) from error


def _headers(
    name: Name, session: UploadSession, exchange: Exchange, algorithm: str | None
) -> list[Header]:
    """Where the session stands. `0-0` is what the original says of an empty one (decisions 12)."""
    state = UploadState(name, session.id, session.size, written(session.started_at))
    call = UploadStatus(name, session.id, exchange.sealer.seal(state), algorithm)
    return [
        exchange.location(call),
        ("range", f"0-{max(session.size - 1, 0)}"),
        ("docker-upload-uuid", session.id),
        ("docker-upload-size", str(session.size)),
    ]


def _created(name: Name, digest: Digest, exchange: Exchange) -> Response:
    headers = [exchange.location(GetBlob(name, digest)), ("docker-content-digest", digest)]
    return Response(201, headers)


def _expect_octets(request: Request) -> None:
    kind = (request.headers.first("content-type") or OCTET_STREAM).partition(";")[0].strip().lower()
    if kind != OCTET_STREAM:
        raise MediaTypeUnsupported({"accepted": [OCTET_STREAM]})

"""Manifests: read in the form that the client takes, put, deleted."""

from collections.abc import Sequence

from layerstore.api import notices
from layerstore.api.calls import DeleteManifest, GetManifest, PutManifest
from layerstore.api.exchange import Exchange, Header
from layerstore.api.negotiation import Rendering, accepted, choose
from layerstore.auth.access import CREATE, OVERWRITE, REPOSITORY, Access, Grant
from layerstore.oci.descriptor import INDEX_TYPES
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Denied, ManifestUnknown, UrlTooLong
from layerstore.oci.manifest import Target, parse
from layerstore.oci.name import Name, Tag
from layerstore.registry.manifests import Placed, TagPermit
from layerstore.registry.repository import Repository
from layerstore.registry.revisions import StoredManifest
from layerstore.web.message import Response


async def get_manifest(call: GetManifest, exchange: Exchange) -> Response:
    repository = exchange.repository(call.name)
    stored = await repository.manifests.get(call.reference)
    form, remarks = _form(call, stored, exchange), notices.NONE
    if form is not Rendering.AS_STORED:
        stored, remarks = await _rendered(form, call, repository, stored, exchange)
    etag = f'"{stored.digest}"'
    headers = [
        ("content-type", stored.media_type),
        ("docker-content-digest", stored.digest),
        ("etag", etag),
        ("vary", "Accept"),
    ]
    decided = exchange.unless_held(etag, headers)
    if decided is not None:
        return decided
    headers += remarks
    headers += notices.of_type(stored.media_type)
    return Response(200, headers, stored.content)


async def _rendered(
    form: Rendering,
    call: GetManifest,
    repository: Repository,
    stored: StoredManifest,
    exchange: Exchange,
) -> tuple[StoredManifest, Sequence[Header]]:
    """What is sent in place of what is stored, and what there is to say about it."""
    remarks: Sequence[Header] = notices.NONE
    if form is Rendering.LINUX_AMD64:
        stored = await _linux_amd64(repository, stored)
        remarks = [notices.warning(notices.ONE_OF_MANY)]
        form = _form(call, stored, exchange)
    downgrade = exchange.downgrade
    if form is Rendering.SCHEMA1 and downgrade and not isinstance(call.reference, Digest):
        stored = await downgrade(repository, call.reference, stored)
    return stored, remarks


def _form(call: GetManifest, stored: StoredManifest, exchange: Exchange) -> Rendering:
    return choose(
        stored.media_type,
        by_tag=not isinstance(call.reference, Digest),
        accept=accepted(exchange.request.headers.joined("accept")),
        agent=exchange.request.headers.first("user-agent"),
        schema1=exchange.downgrade is not None,
    )


async def _linux_amd64(repository: Repository, index: StoredManifest) -> StoredManifest:
    children = parse(index.content, index.media_type).children
    for child in children:
        if _runs_on_linux_amd64(child):
            return await repository.manifests.get(child.digest)
    raise ManifestUnknown(
        {"mediaType": index.media_type},
        message="this is an index without an image for linux/amd64, and the request takes no index",
    )


def _runs_on_linux_amd64(child: Target) -> bool:
    platform = child.platform
    return platform is not None and (platform.os, platform.architecture) == ("linux", "amd64")


async def put_manifest(call: PutManifest, exchange: Exchange) -> Response:
    options, request = exchange.options, exchange.request
    if len(call.tags) > options.tags_per_push_max:
        raise UrlTooLong({"limit": options.tags_per_push_max}, message="too many tags at once")
    with exchange.receiving():
        content = await exchange.gathering.whole(request.body, options.manifest_bytes_max)
    digest, tags = _wanted(call)
    placed = await exchange.repository(call.name).manifests.put(
        content,
        request.headers.first("content-type"),
        digest=digest,
        tags=tags,
        permit=_tag_permit(call.name, exchange.grant),
    )
    return Response(201, _put_headers(call, placed, exchange))


def _wanted(call: PutManifest) -> tuple[Digest | None, tuple[Tag, ...]]:
    if isinstance(call.reference, Digest):
        return call.reference, call.tags
    return None, (call.reference,)


def _tag_permit(name: Name, grant: Grant) -> TagPermit | None:
    """None for whoever may do both, so that nothing has to be looked up."""
    if all(grant.allows(Access(REPOSITORY, name, action)) for action in (CREATE, OVERWRITE)):
        return None

    def permit(tag: Tag, present: Digest | None) -> None:
        access = Access(REPOSITORY, name, CREATE if present is None else OVERWRITE)
        if not grant.allows(access):
            raise Denied({"tag": tag, "action": access.action})

    return permit


def _put_headers(call: PutManifest, placed: Placed, exchange: Exchange) -> list[Header]:
    headers = [
        exchange.location(GetManifest(call.name, placed.digest)),
        ("docker-content-digest", placed.digest),
        *[("oci-tag", tag) for tag in call.tags],
        *notices.of_type(placed.media_type),
    ]
    if placed.subject is not None:
        headers.append(("oci-subject", placed.subject))
    if _is_fallback(call, placed):
        headers.append(notices.warning(notices.FALLBACK_TAG))
    return headers


def _is_fallback(call: PutManifest, placed: Placed) -> bool:
    """Whether a client keeps a list of referrers itself (specification, Referrers Tag Schema)."""
    return placed.media_type in INDEX_TYPES and notices.is_fallback_tag(str(call.reference))


async def delete_manifest(call: DeleteManifest, exchange: Exchange) -> Response:
    repository = exchange.repository(call.name)
    if isinstance(call.reference, Digest):
        await repository.manifests.delete(call.reference)
    else:
        await repository.tags.delete(call.reference)
    return Response(202)

"""From a request to its answer: parse, authorize, permit, handle — and one `except`."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from layerstore.api import errors
from layerstore.api.admission import CountingGate
from layerstore.api.blobs import delete_blob, get_blob
from layerstore.api.calls import (
    Alive,
    AppendChunk,
    Call,
    CancelUpload,
    DeleteBlob,
    DeleteManifest,
    DeleteRepository,
    Discover,
    FinishUpload,
    GetBlob,
    GetManifest,
    IssueToken,
    ListReferrers,
    ListRepositories,
    ListTags,
    Options,
    Ping,
    PutManifest,
    StartUpload,
    UploadStatus,
)
from layerstore.api.discover import alive, discover, options, ping
from layerstore.api.exchange import Downgrade, Exchange, UploadGate
from layerstore.api.listings import list_repositories, list_tags
from layerstore.api.locations import Locations, origin
from layerstore.api.manifests import delete_manifest, get_manifest, put_manifest
from layerstore.api.options import ApiOptions
from layerstore.api.referrers import list_referrers
from layerstore.api.repositories import delete_repository
from layerstore.api.routes import methods_at, parse
from layerstore.api.state import StateSealer
from layerstore.api.tokens import issue_token
from layerstore.api.uploads import (
    append_chunk,
    cancel_upload,
    finish_upload,
    start_upload,
    upload_status,
)
from layerstore.auth.access import Access, Authority, EverythingGranted, Grant
from layerstore.auth.passes import Passes
from layerstore.oci.errors import DeleteDisabled, ReadOnly, RegistryError, RouteUnknown, Unsupported
from layerstore.registry.local import LocalRegistry
from layerstore.web.gathering import Gathering
from layerstore.web.message import Request, Response

CALLS_KEPT: Final = 256
"""Calls that are remembered by their addresses, of at most 12 KiB each."""

API_VERSION: Final = ("docker-distribution-api-version", "registry/2.0")

# Any: each handler takes the one class of call that it stands beside.
_HANDLERS: Final[Mapping[type[Call], Callable[[Any, Exchange], Awaitable[Response]]]] = {
    Alive: alive,
    Options: options,
    Ping: ping,
    IssueToken: issue_token,
    Discover: discover,
    ListRepositories: list_repositories,
    ListTags: list_tags,
    ListReferrers: list_referrers,
    GetManifest: get_manifest,
    PutManifest: put_manifest,
    DeleteManifest: delete_manifest,
    GetBlob: get_blob,
    DeleteBlob: delete_blob,
    StartUpload: start_upload,
    UploadStatus: upload_status,
    AppendChunk: append_chunk,
    FinishUpload: finish_upload,
    CancelUpload: cancel_upload,
    DeleteRepository: delete_repository,
}

_NOTED: Final = (
    ("name", "vars.name"),
    ("reference", "vars.reference"),
    ("digest", "vars.digest"),
    ("subject", "vars.digest"),
    ("upload_id", "vars.uuid"),
)

_NOBODY_ASKS: Final = EverythingGranted()

_log = logging.getLogger(__name__)


class Api:
    """Answers every request below `http.prefix`, and `/`."""

    def __init__(
        self,
        registry: LocalRegistry,
        authority: Authority,
        options: ApiOptions,
        *,
        gate: UploadGate | None = None,
        downgrade: Downgrade | None = None,
        passes: Passes | None = None,
    ) -> None:
        self._registry = registry
        self._authority = authority
        self._options = options
        self._gate = gate if gate is not None else CountingGate()
        self._gathering = Gathering()
        self._downgrade = downgrade
        self._passes = passes
        self._locations = Locations(options)
        self._sealer = StateSealer(options.secret)
        self._prefix = options.prefix.rstrip("/")
        self._configured_headers = options.headers

    async def handle(self, request: Request) -> Response:
        """The answer to a request; whatever goes wrong is one too."""
        try:
            response = await self._answer(request)
        except Exception as error:  # noqa: BLE001 - the one place where failures become answers
            response = self._refusal(error, request)
        self._add_standing_headers(response)
        return response

    def _add_standing_headers(self, response: Response) -> None:
        """What every answer says; of what it says itself, nothing is replaced or doubled."""
        headers = response.headers
        if self._configured_headers:
            said = {name for name, _ in headers}
            headers += [pair for pair in self._configured_headers if pair[0] not in said]
        headers.append(API_VERSION)

    def refuse(self, error: RegistryError) -> Response:
        """The answer to what never became a request."""
        response = errors.answer(error)
        self._add_standing_headers(response)
        return response

    async def _answer(self, request: Request) -> Response:
        asked = _understood(request.method, self._inner(request.path), request.query)
        call = asked.call
        request.notes.update(asked.notes)
        if call.public:
            grant: Grant = _NOBODY_ASKS
        else:
            grant = await self._authority.authorize(
                request.headers.first("authorization"), asked.wanted, request.peer, origin(request)
            )
        request.notes["auth.user.name"] = grant.user
        if call.writes:
            self._permit(call)
        return await _HANDLERS[type(call)](call, self._exchange(request, grant))

    def _inner(self, path: str) -> str:
        """The path without `http.prefix`; `/` is answered whatever the prefix is."""
        if not self._prefix or path == "/":
            return path
        if not path.startswith(self._prefix + "/"):
            raise RouteUnknown
        return path[len(self._prefix) :]

    def _permit(self, call: Call) -> None:
        """Of calls that write: what the operator switched off is refused to everybody."""
        if call.deletes and not self._options.delete_enabled:
            raise DeleteDisabled
        if self._options.readonly:
            raise ReadOnly
        if self._options.mirror:
            raise Unsupported(message="this registry is a cache of another; push there")

    def _exchange(self, request: Request, grant: Grant) -> Exchange:
        return Exchange(
            request,
            grant,
            self._registry,
            self._options,
            self._locations,
            self._sealer,
            self._gate,
            self._gathering,
            self._downgrade,
            self._passes,
        )

    def _refusal(self, error: Exception, request: Request) -> Response:
        response = errors.answer(error)
        _note_error(error, request)
        if errors.is_ours(error):
            _log.error("request %s failed", request.id, exc_info=error)
        if response.status == 405 and not any(name == "allow" for name, _ in response.headers):
            response.headers.append(("allow", self._other_methods(request)))
        return response

    def _other_methods(self, request: Request) -> str:
        """What the address takes beside the method that is switched off (RFC 9110 §15.5.6)."""
        methods = methods_at(self._inner(request.path))
        return ", ".join(method for method in methods if method != request.method)


class _Understood(NamedTuple):
    """A call, the access that it needs, and what is told of it.

    The notes have the names of the original's log (registry-facts §3.2).
    """

    call: Call
    wanted: Sequence[Access]
    notes: Mapping[str, str]


@lru_cache(CALLS_KEPT)
def _understood(method: str, path: str, query: str) -> _Understood:
    """What an address asks for; raises what `parse` does."""
    call = parse(method, path, query)
    values = [(key, getattr(call, field, None)) for field, key in _NOTED]
    return _Understood(call, call.wanted, {key: value for key, value in values if value})


def _note_error(error: Exception, request: Request) -> None:
    told = errors.told(error)
    request.notes["err.code"] = told.code
    request.notes["err.message"] = told.text

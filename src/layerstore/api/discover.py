"""Is anybody there, and what can it do beyond the specification?"""

import msgspec

from layerstore.api.calls import (
    Alive,
    Call,
    DeleteRepository,
    Discover,
    ListRepositories,
    Options,
    Ping,
)
from layerstore.api.documents import encode
from layerstore.api.exchange import Exchange
from layerstore.api.routes import build
from layerstore.oci.descriptor import JSON
from layerstore.oci.errors import NameUnknown
from layerstore.oci.name import Name
from layerstore.web.message import Response

_SPECIFICATION = "https://github.com/opencontainers/distribution-spec/tree/main/extensions"


class _Extension(msgspec.Struct, frozen=True):
    name: str
    url: str
    description: str
    endpoints: tuple[str, ...]


async def alive(call: Alive, exchange: Exchange) -> Response:
    return Response(200, [("cache-control", "no-cache")])


async def options(call: Options, exchange: Exchange) -> Response:
    return Response(200, [("allow", ", ".join(call.allowed))])


async def ping(call: Ping, exchange: Exchange) -> Response:
    return Response(200, [("content-type", JSON)], b"{}")


async def discover(call: Discover, exchange: Exchange) -> Response:
    if call.name is None:
        extensions = [_oci(call), _catalog()]
    else:
        if not await exchange.repository(call.name).exists():
            raise NameUnknown({"name": call.name})
        extensions = [_oci(call), _layerstore(call.name)]
    body = encode({"extensions": extensions})
    return Response(200, [("content-type", JSON)], body)


def _oci(call: Discover) -> _Extension:
    return _Extension(
        "_oci",
        f"{_SPECIFICATION}/_oci.md",
        "What this registry can do beyond the specification",
        (_endpoint(call),),
    )


def _catalog() -> _Extension:
    return _Extension(
        "_catalog",
        f"{_SPECIFICATION}/README.md",
        "The names of all repositories",
        (_endpoint(ListRepositories()),),
    )


def _layerstore(name: Name) -> _Extension:
    return _Extension(
        "_layerstore",
        "docs/protocol.md",
        "Deletes a whole repository",
        (_endpoint(DeleteRepository(name)),),
    )


def _endpoint(call: Call) -> str:
    return build(call).removeprefix("/v2/")

"""Tokens for whoever asks, in the form of a token service (registry-facts §2.11)."""

import msgspec

from layerstore.api.calls import IssueToken
from layerstore.api.documents import encode
from layerstore.api.exchange import Exchange
from layerstore.auth.passes import PASS_SECONDS
from layerstore.oci.descriptor import JSON
from layerstore.oci.errors import RouteUnknown
from layerstore.web.message import Response


class _Token(msgspec.Struct, frozen=True):
    token: str
    access_token: str
    expires_in: int
    issued_at: str


async def issue_token(call: IssueToken, exchange: Exchange) -> Response:
    """The scope that a client asks for is no matter: a pass says who, the rules say what."""
    if exchange.passes is None:
        raise RouteUnknown
    issued = exchange.passes.issue(exchange.grant.user)
    moment = issued.issued.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = encode(_Token(issued.text, issued.text, PASS_SECONDS, moment))
    return Response(200, [("content-type", JSON), ("cache-control", "no-store")], body)

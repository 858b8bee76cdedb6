"""Whole repositories."""

from layerstore.api.calls import DeleteRepository
from layerstore.api.exchange import Exchange
from layerstore.web.message import Response


async def delete_repository(call: DeleteRepository, exchange: Exchange) -> Response:
    """Tags, revisions, links, referrers and uploads; it leaves the catalog."""
    await exchange.repository(call.name).delete()
    return Response(202)

"""The catalog and the tags of a repository, page by page and in constant memory."""

from collections.abc import AsyncIterator
from typing import Final

from layerstore.api.calls import Call, ListRepositories, ListTags, Page
from layerstore.api.documents import encode
from layerstore.api.exchange import Exchange
from layerstore.api.options import LIST_BYTES_MAX
from layerstore.oci.descriptor import JSON
from layerstore.oci.errors import NameUnknown, PaginationNumberInvalid
from layerstore.web.message import Response

_QUOTED_AND_COMMA: Final = 3


async def list_repositories(call: ListRepositories, exchange: Exchange) -> Response:
    options = exchange.options
    usual = min(options.catalog_page, options.catalog_entries_max)
    n = usual if call.page.n is None else call.page.n
    if n > options.catalog_entries_max:
        raise PaginationNumberInvalid({"n": n, "limit": options.catalog_entries_max})
    names, more = await _take(_visible(call.page.last, exchange), n)
    following = ListRepositories(Page(n, names[-1])) if more else None
    return _listing({"repositories": names}, following, exchange)


async def _visible(last: str, exchange: Exchange) -> AsyncIterator[str]:
    """What the caller may read; a page is filled up by reading on (decisions 14)."""
    async for name in exchange.registry.catalog(last):
        if exchange.grant.sees(name):
            yield name


async def list_tags(call: ListTags, exchange: Exchange) -> Response:
    """Without `n` the whole list: it is cut at 4 MiB only, with a Link to the rest."""
    repository = exchange.repository(call.name)
    n = None if call.page.n is None else min(call.page.n, exchange.options.tags_max)
    tags, more = await _take(repository.tags.names(call.page.last), n)
    if not tags and not await repository.exists():
        raise NameUnknown({"name": call.name})
    following = ListTags(call.name, Page(n, tags[-1])) if more else None
    return _listing({"name": call.name, "tags": tags}, following, exchange)


async def _take(entries: AsyncIterator[str], n: int | None) -> tuple[list[str], bool]:
    """The first `n` entries, or what fits a page, and whether there are more; none if `n` is 0."""
    taken: list[str] = []
    size = 0
    if n == 0:
        return taken, False
    async for entry in entries:
        size += len(entry) + _QUOTED_AND_COMMA
        if len(taken) == n or size > LIST_BYTES_MAX:
            return taken, True
        taken.append(entry)
    return taken, False


def _listing(document: object, following: Call | None, exchange: Exchange) -> Response:
    headers = [("content-type", JSON)]
    if following is not None:
        headers.append(exchange.next_page(following))
    return Response(200, headers, encode(document))

"""The URLs that answers carry: Location and Link, each made from a Call.

Relative unless `http.host` is set or the file says `relativeurls: false` (decisions 7). A request
tells its scheme and host as the named proxies, and nobody else, gave them (`web/`).
"""

from urllib.parse import urlsplit

from layerstore.api.calls import Call
from layerstore.api.options import ApiOptions
from layerstore.api.routes import build
from layerstore.web.message import Request


class Locations:
    """Makes the URL of a call as the client should be told it."""

    def __init__(self, options: ApiOptions) -> None:
        self._host = base_of(options.host) if options.host else None
        self._prefix = options.prefix.rstrip("/")
        self._from_request = options.relative_urls is False and self._host is None

    def of(self, call: Call, request: Request) -> str:
        """For Location and Link."""
        target = self._prefix + build(call)
        if self._host is not None:
            return self._host + target
        return origin(request) + target if self._from_request else target

    def absolute(self, call: Call, request: Request) -> str:
        """For those who hear of it elsewhere: events, documents."""
        return (self._host or origin(request)) + self._prefix + build(call)


def base_of(host: str) -> str:
    """What stands before every path: `http.host` without a slash at its end.

    As the original resolves it: what follows the last slash of the URL's path is no part of it.
    """
    parts = urlsplit(host)
    return f"{parts.scheme.lower()}://{parts.netloc}{parts.path.rpartition('/')[0]}"


def origin(request: Request) -> str:
    """How the client addressed the registry: `https://host:port`.

    Empty, so that a URL is relative, when the client did not say which host it wanted.
    """
    host = request.headers.first("host")
    return f"{request.scheme}://{host}" if host else ""

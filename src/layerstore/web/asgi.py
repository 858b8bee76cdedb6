"""The edge: what the server hands over becomes a Request, a Response what it sends.

With `incoming.py` and `outgoing.py` all that knows ASGI; which server speaks it, only the command
that serves knows. A handler can rely on what is made true here: text for names, one host, limits
on everything.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from layerstore.clock import Clock
from layerstore.oci.errors import (
    HeadersTooLarge,
    NameInvalid,
    RegistryError,
    SizeInvalid,
    Unavailable,
    Unknown,
    UrlTooLong,
)
from layerstore.telemetry.requests import Exchange
from layerstore.web.files import HeldFiles
from layerstore.web.forwarded import Trusted, nobody, origin
from layerstore.web.headers import HeaderLines, Heads
from layerstore.web.incoming import IncomingBody, Receive
from layerstore.web.message import BodyBroken, Request, Response
from layerstore.web.outgoing import ClientLeft, LongStreams, Outgoing, Send, close, prepare

DRAINING_RETRY_S: Final = 1
"""Seconds after which a client that meets a server on its way out may meet another."""

PATHS_KEPT: Final = 256
"""Paths that were found to be plain."""

_BROKEN: Final = 499
"""Stands in the log for a request whose sender went away."""

_LOSSY: Final = re.compile("[\x00%\ufffd]")

_log = logging.getLogger(__name__)

# Any: scopes are dictionaries of the server's, of many shapes.
Scope = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may cost. Rates are in bytes a second."""

    path_bytes_max: int = 4 * 1024
    query_bytes_max: int = 8 * 1024
    header_bytes_max: int = 64 * 1024
    progress_s: float = 30.0
    rate_min: int = 1024
    rate_window_s: float = 60.0


class Edge:
    """An ASGI application around one handler.

    `handle` answers requests and `refuse` errors; `tell` hears of every finished request; `began`
    of every path that is asked for, and `ended`, once that is over, of what `began` answered;
    `draining` says whether requests are turned away, `leaving` whether connections end with the
    request that they serve, `unwell` whether a check of the server's health fails; `trusted` names
    the proxies that may speak for others.
    """

    def __init__(
        self,
        handle: Callable[[Request], Awaitable[Response]],
        refuse: Callable[[RegistryError], Response],
        tell: Callable[[Exchange], None],
        clock: Clock,
        *,
        began: Callable[[str], int] = lambda _: 0,
        ended: Callable[[int], None] = lambda _: None,
        limits: Limits | None = None,
        draining: Callable[[], bool] = lambda: False,
        leaving: Callable[[], bool] = lambda: False,
        unwell: Callable[[], bool] = lambda: False,
        trusted: Trusted = nobody,
    ) -> None:
        self._handle = handle
        self._refuse = refuse
        self._tell = tell
        self._clock = clock
        self._began = began
        self._ended = ended
        self._limits = limits or Limits()
        self._draining = draining
        self._leaving = leaving
        self._unwell = unwell
        self._trusted = trusted
        self._heads = Heads()
        self._no_body = self._incoming(_nothing, 0)
        self._files = HeldFiles()
        self._streams = LongStreams()
        self._running: set[asyncio.Task[object]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(f"{scope['type']} is not spoken here")
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        began = self._began(scope["path"])
        try:
            await self._serve(scope, receive, send)
        finally:
            self._ended(began)
            self._running.discard(task)

    async def idle(self) -> None:
        """Return when no request is being handled, also none whose client is gone."""
        while self._running:
            await asyncio.wait(self._running)

    def cut(self) -> None:
        """Cancel what is being handled, so that handlers can leave things as they should be."""
        for task in self._running:
            task.cancel()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock.monotonic()
        lines = self._heads.lines(scope["headers"])
        body = self._body(lines, scope["http_version"], receive)
        request = self._request(scope, lines, body)
        try:
            self._check(request, scope)
            response = await self._handle(request)
        except Exception as error:  # noqa: BLE001  # whatever breaks, the client gets an answer
            response = self._refusal(error, request)
        if not body.is_ended:
            await _finish_reading(body, request)
        if body.is_broken:
            await close(response)
            response = self._refuse(SizeInvalid(message="the body broke off"))
        outgoing = await self._outgoing(response, request, body, scope)
        try:
            await outgoing.send(send, receive if body.is_ended else None)
        except Exception as error:
            if not isinstance(error, ClientLeft):
                _log.error("the answer to request %s broke off", request.id, exc_info=error)
            raise
        finally:
            self._tell(self._exchange(scope, request, outgoing, body, began))

    def _body(self, lines: HeaderLines, version: str, receive: Receive) -> IncomingBody:
        length = _body_length(lines, version)
        return self._no_body if length == 0 else self._incoming(receive, length)

    def _incoming(self, receive: Receive, length: int | None) -> IncomingBody:
        return IncomingBody(
            receive,
            length,
            self._clock,
            progress_s=self._limits.progress_s,
            rate_min=self._limits.rate_min,
            rate_window_s=self._limits.rate_window_s,
        )

    def _request(self, scope: Scope, lines: HeaderLines, body: IncomingBody) -> Request:
        client = scope.get("client") or ("",)
        peer, scheme, believed = origin(lines, client[0], scope["scheme"], self._trusted)
        return Request(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            believed,
            body,
            peer,
            scheme,
            self._clock.new_id(),
        )

    def _check(self, request: Request, scope: Scope) -> None:
        """Raise what is wrong with a request before anybody looks at what it wants."""
        if self._draining():
            raise Unavailable(message="the server is shutting down", retry_after=DRAINING_RETRY_S)
        if self._unwell():
            raise Unavailable(
                message="health check failed: please see /debug/health",
                retry_after=DRAINING_RETRY_S,
            )
        limits, headers = self._limits, request.headers
        if len(scope.get("raw_path") or request.path) > limits.path_bytes_max:
            raise UrlTooLong({"limit": limits.path_bytes_max})
        if len(request.query) > limits.query_bytes_max:
            raise UrlTooLong({"limit": limits.query_bytes_max})
        if headers.size > limits.header_bytes_max:
            raise HeadersTooLarge(limits.header_bytes_max)
        if _is_lossy(request.path):
            raise NameInvalid(message="the address has characters that no name has")
        if not headers.names_one_host and not _may_lack_host(headers, scope["http_version"]):
            raise NameInvalid(message="a request names one host")
        if request.body.length != 0 and not _is_framed_plainly(request):
            raise SizeInvalid(message="a body comes in chunks and in no other transfer coding")

    def _refusal(self, error: Exception, request: Request) -> Response:
        match error:
            case BodyBroken():
                return Response(_BROKEN)
            case RegistryError():
                request.notes["err.code"] = error.code
                return self._refuse(error)
        _log.error("request %s failed", request.id, exc_info=error)
        request.notes["err.code"] = Unknown.code
        return self._refuse(Unknown())

    async def _outgoing(
        self, response: Response, request: Request, body: IncomingBody, scope: Scope
    ) -> Outgoing:
        last = not body.is_ended or self._draining() or self._leaving()
        standing = [(b"x-request-id", request.id.encode("ascii"))]
        if last and scope["http_version"] != "2":
            standing.append((b"connection", b"close"))
        try:
            return await prepare(response, request.method, standing, self._files, self._streams)
        except Exception as error:  # noqa: BLE001  # nothing is sent yet: tell it as an answer
            await close(response)
            refusal = self._refusal(error, request)
            return await prepare(refusal, request.method, standing, self._files, self._streams)

    def _exchange(
        self,
        scope: Scope,
        request: Request,
        outgoing: Outgoing,
        body: IncomingBody,
        began: float,
    ) -> Exchange:
        response = outgoing.response
        query = f"?{request.query}" if request.query else ""
        raw_path = scope.get("raw_path")
        path = raw_path.decode("latin-1") if raw_path else request.path
        return Exchange(
            self._clock.now(),
            request.id,
            request.method,
            path + query,
            f"HTTP/{scope['http_version']}",
            request.peer,
            request.headers.asked,
            _BROKEN if body.is_broken else response.status,
            dict(response.headers).get("content-type", ""),
            outgoing.sent,
            body.size,
            self._clock.monotonic() - began,
            request.notes,
        )


async def _nothing() -> Mapping[str, Any]:
    """What is received where there is nothing to receive."""
    return {"type": "http.disconnect"}


@lru_cache(PATHS_KEPT)
def _is_lossy(path: str) -> bool:
    """Whether decoding it lost something, or somebody else might decode it once more."""
    return _LOSSY.search(path) is not None


def _may_lack_host(headers: HeaderLines, version: str) -> bool:
    """HTTP/1.0 knows requests that name none (RFC 9112 §3.2)."""
    return not headers.hosts and version in ("1", "1.0")


def _body_length(lines: HeaderLines, version: str) -> int | None:
    """Content-Length; 0 for a request that has no body, None when it does not say."""
    length = lines.first("content-length")
    if length is not None:
        return int(length)
    return None if version == "2" or "transfer-encoding" in lines.names else 0


def _is_framed_plainly(request: Request) -> bool:
    """Whether nobody can disagree about where the body ends (RFC 9112 §6.1)."""
    coding = request.headers.joined("transfer-encoding")
    return coding is None or coding.strip().lower() == "chunked"


async def _finish_reading(body: IncomingBody, request: Request) -> None:
    """Take in the little that is left of a body, so that its sender reads the answer.

    Who waits for 100 Continue has sent nothing and, asked for more, would begin. Where a body might
    end in two places, nothing behind it is read.
    """
    waits = body.size == 0 and (request.headers.first("expect") or "").lower() == "100-continue"
    if not waits and not body.is_ended and _is_framed_plainly(request):
        await body.discard()

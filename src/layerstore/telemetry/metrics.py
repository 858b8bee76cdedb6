"""Figures of requests and of storage, counted by workers on the page, told in Prometheus' form.

The names are the original's (registry-facts §2.12). What can be counted is fixed beforehand, so
that every figure has its word on the page: a label outside the lists counts as `other`.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, product
from typing import Final

from layerstore.telemetry.page import FIGURES, GAUGES, Page
from layerstore.telemetry.requests import Exchange

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

ADDRESSES_KEPT: Final = 256
"""Addresses whose handlers are remembered."""

ADDRESS_KEPT_CHARACTERS_MAX: Final = 1_024
"""Characters of an address that is; nobody has looked yet whether it is too long."""

_OTHER: Final = "other"

_HANDLERS: Final = (
    "base",
    "catalog",
    "tags",
    "manifest",
    "blob",
    "blob_upload",
    "blob_upload_chunk",
    "referrers",
)
_METHODS: Final = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", _OTHER)
_CODES: Final = (
    *("200", "201", "202", "204", "206", "304", "307", "400", "401", "403", "404", "405", "406"),
    *("408", "412", "413", "414", "415", "416", "429", "431", "499", "500", "503", "507", _OTHER),
)
_ACTIONS: Final = (
    *("get", "put", "begin", "append", "pending", "finish", "drop", "move", "read", "stat"),
    *("names", "walk", "delete", "settle", "url_for", _OTHER),
)
_ACTION_NAMES: Final = {
    "get": "GetContent",
    "put": "PutContent",
    "read": "Reader",
    "append": "Writer",
    "stat": "Stat",
    "names": "List",
    "walk": "Walk",
    "move": "Move",
    "delete": "Delete",
    "url_for": "RedirectURL",
}
"""What the original calls these; what it does not have keeps our name."""

_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_HISTOGRAM: Final = len(_BOUNDS_S) + 2
"""Words of a histogram: one for each bound, one for what is longer, one for the sum in µs."""

_REQUESTS: Final = 0
_DURATIONS: Final = _REQUESTS + len(_HANDLERS) * len(_METHODS) * len(_CODES)
_RECEIVED: Final = _DURATIONS + len(_HANDLERS) * _HISTOGRAM
_SENT: Final = _RECEIVED + len(_HANDLERS)
_STORAGE: Final = _SENT + len(_HANDLERS)
_END: Final = _STORAGE + len(_ACTIONS) * _HISTOGRAM

if _END > FIGURES:
    raise AssertionError(f"the page has room for {FIGURES} figures, not for {_END}")
if len(_HANDLERS) > GAUGES:
    raise AssertionError(f"the page has room for {GAUGES} gauges, not for {len(_HANDLERS)}")

_HANDLER: Final = {name: place for place, name in enumerate(_HANDLERS)}
_METHOD: Final = {name: place for place, name in enumerate(_METHODS)}
_CODE_OF_STATUS: Final = {int(name): place for place, name in enumerate(_CODES[:-1])}
_STORED: Final = {name: _STORAGE + place * _HISTOGRAM for place, name in enumerate(_ACTIONS)}


class Metrics:
    """Counts on the page of one worker."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def began(self, path: str) -> int:
        """One more request is in flight; what `ended` is told of it."""
        handler = _handler(path)
        self._page.gauges[handler] += 1
        return handler

    def ended(self, handler: int) -> None:
        """A request is in flight no more."""
        self._page.gauges[handler] -= 1

    def request(self, exchange: Exchange) -> None:
        """One request was answered."""
        figures, handler = self._page.figures, _handler(exchange.uri)
        method = _METHOD.get(exchange.method, len(_METHODS) - 1)
        code = _CODE_OF_STATUS.get(exchange.status, len(_CODES) - 1)
        figures[_REQUESTS + (handler * len(_METHODS) + method) * len(_CODES) + code] += 1
        if exchange.received:
            figures[_RECEIVED + handler] += exchange.received
        if exchange.sent:
            figures[_SENT + handler] += exchange.sent
        self._time(_DURATIONS + handler * _HISTOGRAM, exchange.duration_s)

    def storage(self, driver: str, action: str, seconds: float) -> None:
        """The storage driver took so long for something."""
        self._time(_STORED.get(action, _STORED[_OTHER]), seconds)

    def _time(self, histogram: int, seconds: float) -> None:
        figures = self._page.figures
        figures[histogram + bisect_left(_BOUNDS_S, seconds)] += 1
        figures[histogram + _HISTOGRAM - 1] += int(seconds * 1e6)


def _handler(uri: str) -> int:
    short = len(uri) <= ADDRESS_KEPT_CHARACTERS_MAX
    return _remembered(uri) if short else _HANDLER[handler_of(uri)]


@lru_cache(ADDRESSES_KEPT)
def _remembered(uri: str) -> int:
    return _HANDLER[handler_of(uri)]


def handler_of(uri: str) -> str:
    """The original's name for what answers an address."""
    path = uri.partition("?")[0]
    if "/manifests/" in path:
        return "manifest"
    _, is_upload, session = path.partition("/blobs/uploads")
    if is_upload:
        return "blob_upload_chunk" if len(session) > 1 else "blob_upload"
    for part, name in (("/blobs/", "blob"), ("/referrers/", "referrers")):
        if part in path:
            return name
    last = path.rstrip("/").rpartition("/")[2]
    return {"list": "tags", "_catalog": "catalog"}.get(last, "base")


def exposition(page: Page, driver: str) -> str:
    """All figures of all workers, in the text form 0.0.4; what never happened is left out."""
    return "".join(
        f"{line}\n"
        for lines in (_in_flight(page), _requests(page), _storage(page, driver))
        for line in lines
    )


def _in_flight(page: Page) -> Iterator[str]:
    name = "registry_http_in_flight_requests"
    yield f"# HELP {name} Requests that are being answered."
    yield f"# TYPE {name} gauge"
    for handler, place in _HANDLER.items():
        yield f'{name}{{handler="{handler}"}} {page.gauge(place)}'


def _requests(page: Page) -> Iterator[str]:
    yield "# HELP registry_http_requests_total Requests that were answered."
    yield "# TYPE registry_http_requests_total counter"
    labels = product(_HANDLERS, _METHODS, _CODES)
    for place, (handler, method, code) in enumerate(labels, _REQUESTS):
        if count := page.figure(place):
            told = f'handler="{handler}",method="{method.lower()}",code="{code}"'
            yield f"registry_http_requests_total{{{told}}} {count}"
    yield from _sums(page, "registry_http_request_size_bytes", "Bytes of bodies taken.", _RECEIVED)
    yield from _sums(page, "registry_http_response_size_bytes", "Bytes of bodies sent.", _SENT)
    name = "registry_http_request_duration_seconds"
    yield f"# HELP {name} Time from a request to the end of its answer."
    yield f"# TYPE {name} histogram"
    for handler, place in _HANDLER.items():
        yield from _histogram(page, name, f'handler="{handler}"', _DURATIONS + place * _HISTOGRAM)


def _sums(page: Page, name: str, help_text: str, start: int) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} summary"
    for handler, place in _HANDLER.items():
        times = _count(page, _DURATIONS + place * _HISTOGRAM)
        if times:
            yield f'{name}_sum{{handler="{handler}"}} {page.figure(start + place)}'
            yield f'{name}_count{{handler="{handler}"}} {times}'


def _storage(page: Page, driver: str) -> Iterator[str]:
    name = "registry_storage_action_seconds"
    yield f"# HELP {name} Time that the storage driver took."
    yield f"# TYPE {name} histogram"
    for action, start in _STORED.items():
        labels = f'driver="{driver}",action="{_ACTION_NAMES.get(action, action)}"'
        yield from _histogram(page, name, labels, start)


def _count(page: Page, histogram: int) -> int:
    return sum(page.figure(histogram + place) for place in range(_HISTOGRAM - 1))


def _histogram(page: Page, name: str, labels: str, start: int) -> Iterator[str]:
    counts = [page.figure(start + place) for place in range(_HISTOGRAM - 1)]
    if not any(counts):
        return
    bounds = [*(f"{bound:g}" for bound in _BOUNDS_S), "+Inf"]
    for bound, total in zip(bounds, accumulate(counts), strict=True):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {total}'
    yield f"{name}_sum{{{labels}}} {page.figure(start + _HISTOGRAM - 1) / 1e6:g}"
    yield f"{name}_count{{{labels}}} {sum(counts)}"

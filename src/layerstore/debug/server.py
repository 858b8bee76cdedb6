"""The debug address over HTTP, in a thread of its own, so that it answers whatever else happens.

Plain HTTP without any check of who asks: for an address that only operators reach.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import msgspec

from layerstore.debug.health import Health
from layerstore.telemetry.metrics import CONTENT_TYPE, exposition
from layerstore.telemetry.page import Page

REQUEST_S: Final = 10
"""Seconds that a client of the debug address may take."""

_JSON: Final = "application/json; charset=utf-8"
_TEXT: Final = "text/plain; charset=utf-8"
_NOT_HERE: Final = "Not there: profiles are taken from outside, with py-spy dump --pid PID.\n"

Answer = tuple[int, str, str]


class DebugPages:
    """What each address of the debug server answers."""

    def __init__(self, health: Health, page: Page, driver: str, metrics_path: str | None) -> None:
        """`metrics_path` is None where no figures are shown; `driver` is the storage's name."""
        self._health = health
        self._page = page
        self._driver = driver
        self._get: dict[str, Callable[[], Answer]] = {
            "/debug/health": self._tell_health,
            "/debug/vars": lambda: (404, _TEXT, _NOT_HERE),
        }
        if metrics_path is not None:
            self._get[metrics_path] = self._tell_metrics
        self._post: dict[str, Callable[[], Answer]] = {
            "/debug/health/down": lambda: self._switch(off=True),
            "/debug/health/up": lambda: self._switch(off=False),
        }

    def answer(self, method: str, target: str) -> Answer:
        """Status, media type and text."""
        path = target.partition("?")[0]
        found = (self._post if method == "POST" else self._get).get(path)
        if found is not None:
            return found()
        if path.startswith("/debug/pprof"):
            return 404, _TEXT, _NOT_HERE
        if path in self._post or path in self._get:
            return 405, _TEXT, "Method not allowed\n"
        return 404, _TEXT, "Not found\n"

    def _tell_health(self) -> Answer:
        failures = self._health.failures()
        text = msgspec.json.encode(failures).decode()
        return (503 if failures else 200), _JSON, text

    def _tell_metrics(self) -> Answer:
        return 200, CONTENT_TYPE, exposition(self._page, self._driver)

    def _switch(self, *, off: bool) -> Answer:
        self._page.switched_off = off
        return 200, _TEXT, ""


class DebugServer:
    """Serves the pages until it is closed."""

    def __init__(self, host: str, port: int, pages: DebugPages) -> None:
        """Listens at once. Raises OSError."""
        self._server = _Server((host, port), _handler(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, name="debug")
        self._thread.daemon = True
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(pages: DebugPages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            method = "GET" if self.command == "HEAD" else self.command
            status, kind, text = pages.answer(method, self.path)
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def version_string(self) -> str:
            return "layerstore"

        def log_message(self, format: str, *args: Any) -> None:  # the library's name
            """Scrapes are no news."""

    return Handler

"""Who gives tokens in a cloud, for tests: anybody gets one, and it is written down how he asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.issuer import as_part, today

STOP_SECONDS = 10.0
LIFETIME = timedelta(hours=1)
PERSON = "11111111-2222-3333-4444-555555555555"
TENANT = "66666666-7777-8888-9999-000000000000"


@dataclass
class Directory:
    """`asked` are the paths and the forms of those who asked."""

    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        self.asked.append((path, form))
        return {"access_token": _token(), "expires_in": int(LIFETIME.total_seconds())}


def _token() -> str:
    """As Microsoft's look; nobody here looks at its signature."""
    claims = {
        "aud": "https://storage.azure.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "oid": PERSON,
        "tid": TENANT,
        "iat": int((today() - LIFETIME).timestamp()),
        "nbf": int((today() - LIFETIME).timestamp()),
        "exp": int((today() + LIFETIME).timestamp()),
    }
    return f"{as_part({'alg': 'RS256', 'typ': 'JWT'})}.{as_part(claims)}.{as_part({})}"


@contextmanager
def directory() -> Iterator[Directory]:
    """On a free port of the loopback address until the block ends."""
    answering = Directory()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            form = {
                key: found[0] for key, found in parse_qs(self.rfile.read(length).decode()).items()
            }
            content = json.dumps(answering.answer(self.path, form)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answering.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield answering
    finally:
        server.shutdown()
        serving.join(STOP_SECONDS)
        server.server_close()

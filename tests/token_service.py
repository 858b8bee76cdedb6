"""A token service that speaks the documented protocol (registry-facts §2.11), for real clients.

GET with Basic credentials or without any, and the OAuth2 form by POST; scopes repeated or separated
by spaces; refresh tokens for those who ask. It runs in a thread, on a free port of the loopback
address, and knows nothing of the registry's own code.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.issuer import Signer, claims, entry, today

PUBLIC = "public/"
STOP_SECONDS = 10.0


@dataclass
class TokenService:
    """Users with their passwords may do everything, everybody may pull what is public."""

    signer: Signer
    users: Mapping[str, str]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    """Each scope that was asked for, with the user's name before it."""
    refreshing: dict[str, str] = field(default_factory=dict)

    def answer(self, user: str, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        scopes = " ".join(query.get("scope", [])).split()
        self.asked += [f"{user or '-'} {scope}" for scope in scopes]
        granted = [one for scope in scopes if (one := self._entry(user, scope))]
        said = claims(today(), sub=user, aud=query["service"][0], access=granted)
        token = self.signer.token(said, kid=self.signer.libtrust_id)
        issued = today().strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"token": token, "access_token": token, "expires_in": 300, "issued_at": issued}
        if "offline_token" in query or query.get("access_type") == ["offline"]:
            answer["refresh_token"] = self._refresh_token(user)
        return answer

    def _entry(self, user: str, scope: str) -> dict[str, Any] | None:
        kind, name, actions = scope.split(":")
        if user:
            return entry(name, *actions.split(","), type=kind)
        is_readable = name.startswith(PUBLIC) and "pull" in actions.split(",")
        return entry(name, "pull") if is_readable else None

    def _refresh_token(self, user: str) -> str:
        token = secrets.token_urlsafe()
        self.refreshing[token] = user
        return token

    def user_of_basic(self, header: str) -> str | None:
        """Empty for nobody, None for somebody who is not believed."""
        if not header:
            return ""
        name, _, password = base64.b64decode(header.split()[1]).decode().partition(":")
        return self._believed(name, password)

    def user_of_form(self, form: Mapping[str, Sequence[str]]) -> str | None:
        if form["grant_type"] == ["refresh_token"]:
            return self.refreshing.get(form["refresh_token"][0])
        return self._believed(form["username"][0], form["password"][0])

    def _believed(self, name: str, password: str) -> str | None:
        if not name and not password:
            return ""
        return name if self.users.get(name) == password else None


@contextmanager
def token_service(signer: Signer, users: Mapping[str, str]) -> Iterator[TokenService]:
    """The service, until the block ends."""
    service = TokenService(signer, users)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            user = service.user_of_basic(self.headers.get("Authorization", ""))
            self._answer(user, parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:  # the name that http.server calls
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self._answer(service.user_of_form(form), form)

        def _answer(self, user: str | None, query: Mapping[str, Sequence[str]]) -> None:
            status, told = (401, {}) if user is None else (200, service.answer(user, query))
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests look at `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://localhost:{server.server_port}/token"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join(STOP_SECONDS)
        server.server_close()

"""Object stores as tests of settings see them: drivers of a configuration, and what they send."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from layerstore.app.stores import open_driver
from layerstore.clock import Clock, SystemClock
from layerstore.config.loading import load
from layerstore.storage.driver import StorageDriver
from layerstore.storage.objects.http import Answer, HttpClient
from layerstore.storage.objects.store import Body
from tests.fakes import FakeClock

MIB = 1024 * 1024


class Request(NamedTuple):
    """One request; names of headers in lower case. `content` is empty where it comes piecemeal."""

    method: str
    url: str
    headers: dict[str, str]
    size: int
    content: bytes

    @property
    def kind(self) -> str:
        """What runs side by side with others of its kind."""
        if "x-amz-copy-source-range" in self.headers:
            return "copied part"
        return "part" if self.size >= MIB else "other"


def _accepted(request: Request) -> Answer:
    return Answer(200, {"ETag": '"tag"'}, b"")


@dataclass
class Sent:
    """The requests that were made, and how many of a kind ran side by side.

    `answer` is what stores say that nobody runs; those on this machine are really asked.
    """

    requests: list[Request] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    clients: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[Request], Answer] = _accepted

    def of(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def begin(self, request: Request) -> None:
        self.requests.append(request)
        self.running[request.kind] += 1
        self.most[request.kind] = max(self.most[request.kind], self.running[request.kind])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """What is sent."""
    seen = Sent()
    real_ask, real_init = HttpClient.ask, HttpClient.__init__

    def begun(self: HttpClient, **settings: Any) -> None:
        seen.clients.append(settings)
        real_init(self, **settings)

    async def asked(
        self: HttpClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        *rest: float,
    ) -> Answer:
        named = {name.lower(): value for name, value in headers.items()}
        content, size = (body, len(body)) if isinstance(body, bytes) else (b"", body.size)
        request = Request(method, url, named, size, content)
        seen.begin(request)
        try:
            if urlsplit(url).hostname == "127.0.0.1":
                return await real_ask(self, method, url, headers, body, *rest)
            return seen.answer(request)
        finally:
            seen.running[request.kind] -= 1

    monkeypatch.setattr(HttpClient, "__init__", begun)
    monkeypatch.setattr(HttpClient, "ask", asked)
    return seen


def opened(
    folder: Path,
    driver: str,
    keys: Mapping[str, Any],
    *,
    fake: bool = True,
    clock: Clock | None = None,
) -> StorageDriver:
    """The driver of a server of one worker with these keys below `storage.<driver>`."""
    file = folder / "config.yml"
    config = {"version": 0.1, "storage": {driver: dict(keys)}, "http": {"workers": 1}}
    file.write_text(yaml.safe_dump(config))
    chosen = clock or (FakeClock() if fake else SystemClock())
    return open_driver(load(file, {}).config, chosen)


async def zeros(size: int) -> AsyncIterator[bytes]:
    """So many bytes, a MiB at a time."""
    for _ in range(size // MIB):
        yield bytes(MIB)

"""The api asked without a server between: requests made by hand, answers read to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from layerstore.api.dispatch import Api
from layerstore.api.options import ApiOptions
from layerstore.auth.access import Authority, OpenAuthority
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.references import ManifestRules
from layerstore.storage.driver import StorageDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.web.headers import HeaderLines
from layerstore.web.message import FileBody, Request, Response, StreamBody
from tests.fakes import FakeClock
from tests.unit.api.bodies import Pieces
from tests.wire.client import Answer, Headers, Wire, lines

SECRET = b"a secret"


class DirectWire:
    """Asks an Api, over the memory driver unless another is given."""

    def __init__(
        self,
        runner: asyncio.Runner,
        *,
        driver: StorageDriver | None = None,
        authority: Authority | None = None,
        rules: ManifestRules | None = None,
        notary: Notary | None = None,
        options: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        clock = FakeClock()
        self._runner = runner
        self.driver = driver if driver is not None else MemoryDriver(clock)
        self.registry = LocalRegistry(self.driver, ProcessLocks(), clock, rules, notary=notary)
        settings = {"secret": SECRET, "delete_enabled": True, **(options or {})}
        authority = authority if authority is not None else OpenAuthority()
        self.api = Api(self.registry, authority, ApiOptions(**settings), **more)

    def ask(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        return self._runner.run(self.asked(method, target, headers, body))

    async def asked(
        self,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes | Iterable[bytes] = b"",
    ) -> Answer:
        """The same in the middle of something else."""
        path, _, query = target.partition("?")
        received = [(name.lower(), value) for name, value in lines(headers)]
        if not any(name == "host" for name, _ in received):
            received.append(("host", "registry.example"))
        request = Request(
            method, path, query, HeaderLines(received), _body(body), "192.0.2.1", "http"
        )
        return await self._sent(request)

    def send(self, request: Request) -> Answer:
        return self._runner.run(self._sent(request))

    async def _sent(self, request: Request) -> Answer:
        response = await self.api.handle(request)
        length = [] if response.status in (204, 304) else [str(response.content_length)]
        headers = response.headers + [("content-length", text) for text in length]
        body = b"" if request.method == "HEAD" else await _read(response)
        return Answer(response.status, headers, body)


_: type[Wire] = DirectWire


def _body(body: bytes | Iterable[bytes]) -> Pieces:
    if isinstance(body, bytes):
        return Pieces(*([body] if body else []), length=len(body))
    return Pieces(*body)


async def _read(response: Response) -> bytes:
    match response.body:
        case FileBody(path, size):
            content = path.read_bytes()
            assert len(content) == size
            return content
        case StreamBody(chunks, size):
            content = await _joined(chunks)
            assert len(content) == size
            return content
        case bytes() as content:
            return content


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])

"""An HTTP client whose other end is a function: nothing reaches a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs

from layerstore.storage.objects.http import ANSWER_S, Answer, HttpClient
from layerstore.storage.objects.store import Body


class Request(NamedTuple):
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def form(self) -> dict[str, str]:
        return {key: found[0] for key, found in parse_qs(self.content.decode()).items()}


class AnsweringClient(HttpClient):
    """Keeps what it was asked."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[Request] = []

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        within_s: float = ANSWER_S,
    ) -> Answer:
        await asyncio.sleep(0)
        content = (
            body
            if isinstance(body, bytes)
            else b"".join([bytes(piece) async for piece in body.pieces()])
        )
        request = Request(method, url, headers, content)
        self.asked.append(request)
        return self._answer(request)

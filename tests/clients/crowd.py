"""Many clients at once, in a process of their own: `python -m tests.clients.crowd HOST N SECONDS`.

Each client pushes a small image of its own and pulls it again until the time is over. Prints one
JSON object: how many were pushed and pulled, and the first errors.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.clients.layout import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST

REQUEST_SECONDS = 60
ERRORS_KEPT = 10
LAYER_BYTES = 20_000


@dataclass
class Tally:
    """What happened in all clients together."""

    pushed: int = 0
    pulled: int = 0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Client:
    """One client with a repository of its own."""

    session: aiohttp.ClientSession
    address: str

    async def push(self, image: Mapping[str, bytes], manifest: bytes, tag: str) -> None:
        for digest, content in image.items():
            place = await self._ask("POST", f"{self.address}/blobs/uploads/", 202)
            target = place.update_query({**place.query, "digest": digest})
            await self._ask("PUT", str(target), 201, content)
        await self._ask("PUT", f"{self.address}/manifests/{tag}", 201, manifest, OCI_MANIFEST)

    async def pull(self, image: Mapping[str, bytes], manifest: bytes, tag: str) -> None:
        if await self._read(f"{self.address}/manifests/{tag}") != manifest:
            raise ValueError(f"{self.address}: another manifest came back for {tag}")
        for digest, content in image.items():
            if await self._read(f"{self.address}/blobs/{digest}") != content:
                raise ValueError(f"{self.address}: other bytes came back for {digest}")

    async def _ask(
        self, method: str, url: str, expected: int, body: bytes = b"", kind: str | None = None
    ) -> URL:
        headers = {"Content-Type": kind or "application/octet-stream"}
        async with self.session.request(method, url, data=body, headers=headers) as response:
            if response.status != expected:
                raise ValueError(f"{method} {url}: {response.status} {await response.text()}")
            return response.url.join(URL(response.headers.get("Location", "")))

    async def _read(self, url: str) -> bytes:
        async with self.session.get(url, headers={"Accept": OCI_MANIFEST}) as response:
            if response.status != 200:
                raise ValueError(f"GET {url}: {response.status} {await response.text()}")
            return await response.read()


async def gather_crowd(host: str, clients: int, seconds: float) -> Tally:
    """Let that many clients push and pull at the same time for that long."""
    tally, deadline = Tally(), time.monotonic() + seconds
    limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    connector = aiohttp.TCPConnector(limit=clients)
    async with (
        aiohttp.ClientSession(timeout=limits, connector=connector) as session,
        asyncio.TaskGroup() as crowd,
    ):
        for number in range(clients):
            client = Client(session, f"http://{host}/v2/crowd/client{number}")
            crowd.create_task(_push_and_pull(client, number, tally, deadline))
    return tally


async def _push_and_pull(client: Client, number: int, tally: Tally, deadline: float) -> None:
    turn = 0
    while time.monotonic() < deadline and len(tally.errors) < ERRORS_KEPT:
        turn += 1
        blobs, manifest = _image(f"client {number}, turn {turn}")
        try:
            await client.push(blobs, manifest, f"turn{turn}")
            tally.pushed += 1
            await client.pull(blobs, manifest, f"turn{turn}")
            tally.pulled += 1
        except (OSError, ValueError, aiohttp.ClientError, TimeoutError) as failure:
            tally.errors.append(repr(failure))


def _image(seed: str) -> tuple[dict[str, bytes], bytes]:
    layer = hashlib.shake_256(seed.encode()).digest(LAYER_BYTES)
    config = json.dumps({"architecture": "amd64", "os": "linux", "seed": seed}).encode()
    blobs = {_digest(content): content for content in (layer, config)}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _descriptor(config, OCI_CONFIG),
        "layers": [_descriptor(layer, OCI_LAYER)],
    }
    return blobs, json.dumps(document).encode()


def _descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


if __name__ == "__main__":
    host, clients, seconds = sys.argv[1:]
    print(json.dumps(asdict(asyncio.run(gather_crowd(host, int(clients), float(seconds))))))

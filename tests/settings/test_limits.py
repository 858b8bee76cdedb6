"""Settings whose effect is how much is done, or taken, at the same time or in a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from layerstore.app.registries import open_registry
from layerstore.app.stores import open_driver
from layerstore.clock import SystemClock
from layerstore.config import Config
from layerstore.config.loading import load
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.tags import TagStore
from tests.edge import Connection
from tests.wire.configured import served
from tests.wire.stock import LAYER, digest_of

BEGUN = (
    f"POST /v2/a/b/blobs/uploads/?digest={digest_of(LAYER)} HTTP/1.1\r\n"
    f"Host: registry.example\r\nContent-Length: {len(LAYER)}\r\n\r\n"
).encode()
DRIP_S = 0.01


@asynccontextmanager
async def drip(connection: Connection) -> AsyncIterator[None]:
    """The body, a byte at a time with a moment between."""

    async def send_on() -> None:
        for byte in LAYER:
            await connection.send(bytes([byte]))
            await asyncio.sleep(DRIP_S)

    async with asyncio.TaskGroup() as group:
        dripping = group.create_task(send_on())
        yield
        dripping.cancel()


async def test_a_body_below_the_least_rate_is_cut_off_after_its_window(tmp_path: Path) -> None:
    text = "\nlimits: {leastrate: 100000, ratewindow: 100ms}"
    async with served(text, tmp_path) as server, server.connection() as connection:
        await connection.send(BEGUN)
        async with drip(connection):
            answer = await connection.answer()
    assert answer.status == 408


async def test_a_body_above_the_least_rate_is_taken(tmp_path: Path) -> None:
    text = "\nlimits: {leastrate: 1, ratewindow: 1ms}"
    async with served(text, tmp_path) as server, server.connection() as connection:
        await connection.send(BEGUN + LAYER[:-2])
        for byte in LAYER[-2:]:
            await connection.send(bytes([byte]))
        assert (await connection.answer()).status == 201


def configured(text: str, folder: Path) -> Config:
    file = folder / "config.yml"
    file.write_text(f"version: 0.1\n{text}")
    return load(file, {}).config


@pytest.mark.parametrize(("written", "most"), [("1", 25), ("40", 40)])
async def test_calls_of_the_file_system_run_in_so_many_threads_and_at_least_in_25(
    written: str, most: int, tmp_path: Path
) -> None:
    folder = f"rootdirectory: {tmp_path / 'data'}, maxthreads: {written}"
    config = configured(f"storage: {{filesystem: {{{folder}}}}}", tmp_path)
    driver, before = open_driver(config, SystemClock()), set(threading.enumerate())
    await asyncio.gather(*(driver.put(f"/{number}", b"x" * 4096) for number in range(300)))
    begun = set(threading.enumerate()) - before
    assert most - 15 < sum(one.name.startswith("filesystem") for one in begun) <= most


@pytest.mark.parametrize(("written", "most"), [("1", 1), ("3", 3), ("0", 16)])
async def test_so_many_tags_are_looked_at_side_by_side_when_a_manifest_goes(
    written: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, seen = [0], [0]
    real = TagStore.delete_if_leads_to

    async def counted(self: TagStore, tag: Tag, digest: Digest) -> bool:
        running[0] += 1
        seen[0] = max(seen[0], running[0])
        await asyncio.sleep(0)
        try:
            return await real(self, tag, digest)
        finally:
            running[0] -= 1

    monkeypatch.setattr(TagStore, "delete_if_leads_to", counted)
    text = f"storage: {{inmemory: , tag: {{concurrencylimit: {written}}}}}\n"
    text += "validation: {manifests: {references: none}}"
    registry = open_registry(configured(text, tmp_path), SystemClock())
    repository = registry.repository(Name("a"))
    content = b'{"schemaVersion":2,"manifests":[]}'
    digest = Digest.of(content)
    await repository.manifests.put(content, None)
    for number in range(40):
        await repository.tags.set(Tag(f"t{number}"), digest)
    await repository.manifests.delete(digest)
    assert [tag async for tag in repository.tags.names()] == []
    assert seen[0] == most

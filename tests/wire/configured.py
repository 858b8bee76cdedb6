"""A registry with settings of a test's own, on the test's event loop and behind a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from layerstore.app.serving import build, edge_limits
from layerstore.app.settling import settle
from layerstore.clock import SystemClock
from layerstore.config.loading import load
from layerstore.telemetry.page import Page
from layerstore.web.proxies import proxies
from tests.edge import Served, serving


@asynccontextmanager
async def served(text: str, folder: Path) -> AsyncIterator[Served]:
    """A registry with these settings, in memory unless they say where."""
    file = folder / "config.yml"
    file.write_text(f"version: 0.1\n{text if 'storage:' in text else 'storage: inmemory' + text}")
    clock = SystemClock()
    config = settle(load(file, {}).config, clock)
    app = build(config, Page.create(folder / "page", 1), clock)
    trusted = proxies(config.http.trustedproxies)
    async with serving(app.handle, limits=edge_limits(config), trusted=trusted) as server:
        yield server

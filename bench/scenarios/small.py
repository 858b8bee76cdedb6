"""Many small requests: manifests, what HEAD tells, pages of tags."""

from __future__ import annotations

import base64

from bench.contestants import Running
from bench.load import ask_repeatedly, request, wrk
from bench.pushing import MANIFEST
from bench.scenario import ALL_THREE, Cost, Figure, Scenario
from bench.stock import MANY_TAGS, Stock

CONNECTIONS = 16
SECONDS = 3.0
LISTING_CONNECTIONS = 1
USER, PASSWORD = "bench", "a password of the benchmark"
ACCEPTED = f"Accept: {MANIFEST}"
_RATE = "requests/s"
_LATE = "p99, ms"
_COST = "processor ms per 1000 requests"


def _figures(least: str, goal: str, late_goal: str = "") -> tuple[Figure, ...]:
    return (
        Figure(_RATE, least=least, goal=goal),
        Figure(_LATE, more_is_better=False, goal=late_goal),
        Figure(_COST, more_is_better=False),
    )


def _get_manifest(server: Running, stock: Stock) -> tuple[float, ...]:
    cost = Cost.of(server)
    rate = wrk(server, stock.manifest_target(server), [ACCEPTED], CONNECTIONS, SECONDS)
    return rate.per_second, rate.p99_ms, cost.seconds() * 1e6 / (rate.per_second * SECONDS)


def _repeated(server: Running, asked: bytes, connections: int = CONNECTIONS) -> tuple[float, ...]:
    cost = Cost.of(server)
    rate = ask_repeatedly(server, lambda: asked, connections, SECONDS)
    return rate.per_second, rate.p99_ms, cost.seconds() * 1e6 / (rate.per_second * SECONDS)


def _head_manifest(server: Running, stock: Stock) -> tuple[float, ...]:
    return _repeated(server, request(server, "HEAD", stock.manifest_target(server), [ACCEPTED]))


def _head_blob(server: Running, stock: Stock) -> tuple[float, ...]:
    target = stock.blob_target(server, stock.layer.digest)
    return _repeated(server, request(server, "HEAD", target))


def _head_with_password(server: Running, stock: Stock) -> tuple[float, ...]:
    who = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = [ACCEPTED, f"Authorization: Basic {who}"]
    return _repeated(server, request(server, "HEAD", stock.manifest_target(server), headers))


def _list_tags(server: Running, _: Stock) -> tuple[float, ...]:
    asked = request(server, "GET", f"/v2/{MANY_TAGS}/tags/list?n=100&last=v050000")
    return _repeated(server, asked, LISTING_CONNECTIONS)


SCENARIOS = (
    Scenario(
        "get-manifest",
        f"GET a manifest by tag, {CONNECTIONS} connections (nginx: the file of its bytes)",
        _figures("12", "20", "10"),
        _get_manifest,
        ALL_THREE,
    ),
    Scenario(
        "head-manifest",
        f"HEAD a manifest by tag, {CONNECTIONS} connections",
        _figures("8", "15"),
        _head_manifest,
        ALL_THREE,
    ),
    Scenario(
        "head-blob",
        f"HEAD a blob, {CONNECTIONS} connections",
        _figures("8", "15"),
        _head_blob,
        ALL_THREE,
    ),
    Scenario(
        "head-password",
        f"HEAD a manifest with a password (htpasswd, bcrypt), {CONNECTIONS} connections",
        _figures("5", "10"),
        _head_with_password,
        needs_password=True,
    ),
    Scenario(
        "list-tags",
        "a page of 100 tags in a folder of 100,000 (docker-registry 2.8 always answers with all)",
        _figures("3", "10"),
        _list_tags,
        needs_tags=True,
    ),
)

"""What a server says at its start: where it stores, whatever the driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.processes import wait_until
from tests.servers import layerstore_server

NOWHERE = "http://127.0.0.1:1"
KEY = "AAAA"

PLACES: list[tuple[dict[str, Any], str]] = [
    ({"inmemory": {}}, "memory: everything is gone when it ends"),
    (
        {"s3": {"bucket": "images", "regionendpoint": NOWHERE, "accesskey": "a", "secretkey": "s"}},
        "the bucket images of S3",
    ),
    (
        {
            "azure": {
                "container": "images",
                "accountname": "a",
                "accountkey": KEY,
                "serviceurl": NOWHERE,
            }
        },
        "the container images of Azure",
    ),
]


@pytest.mark.parametrize(("storage", "place"), PLACES, ids=lambda value: str(value)[:16])
def test_the_start_says_where_it_stores(
    storage: dict[str, Any], place: str, tmp_path: Path
) -> None:
    """A store that cannot be reached now is told of, and looked at again with each request."""
    config = {"storage": {"filesystem": None, **storage}}
    with layerstore_server(tmp_path / "unused", config=config, workers=1) as server:
        wait_until(lambda: f"It stores in {place}." in server.log.read_text(), "it says so")

"""What is said of a connection that did not come about."""

from __future__ import annotations

import asyncio

import pytest

from layerstore.storage.objects.http import HttpClient
from layerstore.storage.objects.patience import Trouble
from tests.processes import free_port


async def _reason(url: str) -> str:
    client = HttpClient()
    try:
        with pytest.raises(Trouble) as told:
            await client.ask("GET", url, {})
    finally:
        await client.close()
    return told.value.reason


def test_a_store_where_nobody_listens_is_named() -> None:
    port = free_port()
    told = asyncio.run(_reason(f"http://127.0.0.1:{port}/bucket"))
    assert told == f"the store cannot be reached at 127.0.0.1:{port}"


def test_a_name_that_nobody_knows_is_named() -> None:
    told = asyncio.run(_reason("http://store.invalid/bucket"))
    assert told == "nobody knows the store's name store.invalid"


def test_a_store_without_tls_is_told_from_one_that_is_away() -> None:
    async def story() -> str:
        async def speaks_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(speaks_http, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return (await _reason(f"https://127.0.0.1:{port}/bucket")).replace(str(port), "PORT")

    assert asyncio.run(story()) == "there is no TLS at 127.0.0.1:PORT"

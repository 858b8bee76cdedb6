"""Clients that mean harm, in a process of their own: `python -m tests.faults.attacks HOST KIND …`.

    python -m tests.faults.attacks 127.0.0.1:5000 slow_senders 100 5 /v2/a/blobs/sha256:…

Each of the given number of clients does its kind of harm for so many seconds. Prints one JSON
object when it is over: how many began, how many the server sent away, and with which statuses.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final

DRIP_S: Final = 0.2
CALM_S: Final = 0.05
GATHERED_MAX: Final = 200
"""Clients that connect at the same time."""

ATTACKER: Final = "127.0.0.66"
"""Not the address of honest clients, for the limits of each address are its own."""

HOST: Final = b"Host: registry.example\r\n"


@dataclass
class Harm:
    """What came of it."""

    began: int = 0
    requests: int = 0
    sent_away: int = 0
    statuses: dict[str, int] = field(default_factory=dict)


@dataclass
class Attacker:
    """One client: its connection, and a target that exists."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    target: bytes
    harm: Harm

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def drip(self, byte: bytes) -> None:
        """A byte from time to time, until the server has enough; then what it says."""
        listening = asyncio.ensure_future(self.reader.read(1000))
        while not listening.done():
            await self.send(byte)
            await asyncio.wait([listening], timeout=DRIP_S)
        self.heard(await listening)

    def heard(self, answer: bytes) -> None:
        self.harm.sent_away += 1
        if answer.startswith(b"HTTP/1."):
            self.told(answer)

    def told(self, answer: bytes) -> None:
        status = answer.split(b" ", 2)[1].decode()
        self.harm.statuses[status] = self.harm.statuses.get(status, 0) + 1

    async def wait_for_end(self) -> None:
        self.heard(await self.reader.read(1000))


Attack = Callable[[Attacker], Awaitable[None]]


async def slow_senders(client: Attacker) -> None:
    """A body of which a byte comes now and then."""
    head = b"POST /v2/slow/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\n"
    await client.send(head + HOST + b"Content-Length: 1000000\r\n\r\n")
    await client.drip(b".")


async def slow_senders_of_chunks(client: Attacker) -> None:
    """The same in chunks of one byte."""
    head = b"POST /v2/slow/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\n"
    await client.send(head + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    await client.drip(b"1\r\n.\r\n")


async def slow_heads(client: Attacker) -> None:
    """A head that never ends."""
    await client.send(b"GET /v2/ HTTP/1.1\r\n" + HOST + b"X-Long: ")
    await client.drip(b"x")


async def silent_connections(client: Attacker) -> None:
    """A connection on which nothing is ever said."""
    await client.wait_for_end()


async def idle_connections(client: Attacker) -> None:
    """One request, and then nothing."""
    await client.send(b"GET /v2/ HTTP/1.1\r\n" + HOST + b"\r\n")
    await client.reader.readuntil(b"\r\n\r\n{}")
    await client.wait_for_end()


async def slow_readers(client: Attacker) -> None:
    """A large blob is asked for and not read."""
    await client.send(b"GET " + client.target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    await client.reader.readexactly(1)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # sockets read, too
    await asyncio.Event().wait()


async def slow_readers_of_ranges(client: Attacker) -> None:
    """The same where the bytes pass through the registry."""
    ranges = b"Range: bytes=0-20000000,30000000-\r\n"
    await client.send(b"GET " + client.target + b" HTTP/1.1\r\n" + HOST + ranges + b"\r\n")
    await client.reader.readexactly(1)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # sockets read, too
    await asyncio.Event().wait()


async def broken_bodies(client: Attacker) -> None:
    """Half a body, and a reset."""
    head = b"POST /v2/broken/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\n"
    await client.send(head + HOST + b"Content-Length: 1000000\r\n\r\n" + b"." * 300_000)
    await asyncio.sleep(CALM_S)
    client.writer.transport.abort()


async def pipelined_requests(client: Attacker) -> None:
    """Requests without end, and no look at an answer."""
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # sockets read, too
    request = b"GET /v2/ HTTP/1.1\r\n" + HOST + b"\r\n"
    while True:
        await client.send(request * 100)
        client.harm.requests += 99


async def chunks_of_one_byte(client: Attacker) -> None:
    """As many chunks as can be sent, each of one byte."""
    head = b"POST /v2/tiny/blobs/uploads/?digest=sha256:" + b"0" * 64 + b" HTTP/1.1\r\n"
    await client.send(head + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        await client.send(b"1\r\n.\r\n" * 1000)
        await asyncio.sleep(CALM_S)


async def forgotten_uploads(client: Attacker) -> None:
    """Uploads that are begun, and nothing more, with a byte in each."""
    begin = b"POST /v2/forgotten/blobs/uploads/ HTTP/1.1\r\n" + HOST
    await client.send(begin + b"Content-Length: 0\r\n\r\n")
    head = await client.reader.readuntil(b"\r\n\r\n")
    location = head.partition(b"location: ")[2].partition(b"\r\n")[0]
    await client.send(b"PATCH " + location + b" HTTP/1.1\r\n" + HOST)
    await client.send(b"Content-Length: 1\r\n\r\n.")
    client.told(await client.reader.readuntil(b"\r\n\r\n"))


async def rapid_resets(client: Attacker) -> None:
    """HTTP/2 requests, each cancelled as soon as it is made (CVE-2023-44487)."""
    await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b""))
    stream = 1
    while True:
        burst = b"".join(_cancelled_request(number) for number in range(stream, stream + 200, 2))
        await client.send(burst)
        client.harm.requests += 100
        stream += 200
        await asyncio.sleep(0)


def _cancelled_request(stream: int) -> bytes:
    fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/v2/")]
    fields.append((b":authority", b"registry.example"))
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )
    cancel = struct.pack(">I", 8)
    return _frame(1, 5, stream, block) + _frame(3, 0, stream, cancel)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


ATTACKS: Final[dict[str, Attack]] = {
    attack.__name__: attack
    for attack in (
        slow_senders,
        slow_senders_of_chunks,
        slow_heads,
        silent_connections,
        idle_connections,
        slow_readers,
        slow_readers_of_ranges,
        broken_bodies,
        pipelined_requests,
        chunks_of_one_byte,
        forgotten_uploads,
        rapid_resets,
    )
}


async def attack(host: str, kind: str, count: int, seconds: float, target: str) -> Harm:
    """Let so many clients do harm; each begins again when it was sent away."""
    harm, gate = Harm(), asyncio.Semaphore(GATHERED_MAX)
    clients = [
        asyncio.ensure_future(_again_and_again(host, kind, target, harm, gate))
        for _ in range(count)
    ]
    await asyncio.wait(clients, timeout=seconds)
    for client in clients:
        client.cancel()
    await asyncio.wait(clients)
    return harm


async def _again_and_again(
    host: str, kind: str, target: str, harm: Harm, gate: asyncio.Semaphore
) -> None:
    address, _, port = host.partition(":")
    while True:
        with suppress(OSError, EOFError, asyncio.IncompleteReadError):
            async with gate:
                reader, writer = await asyncio.open_connection(
                    address, int(port), local_addr=(ATTACKER, 0)
                )
            harm.began += 1
            harm.requests += 1
            try:
                await ATTACKS[kind](Attacker(reader, writer, target.encode(), harm))
            finally:
                writer.transport.abort()
        await asyncio.sleep(CALM_S)


if __name__ == "__main__":
    host, kind, count, seconds, target = sys.argv[1:]
    print(json.dumps(asdict(asyncio.run(attack(host, kind, int(count), float(seconds), target)))))

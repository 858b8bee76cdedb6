"""One password file, as people have them, lets the same users in at the original and here."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import bcrypt
import pytest

from tests.servers import Server, layerstore_server, original_server
from tests.wire.client import SocketWire


def hashed(password: bytes, kind: bytes = b"2b") -> bytes:
    """As several programs begin their hashes."""
    return bcrypt.hashpw(password, bcrypt.gensalt(5)).replace(b"$2b$", b"$" + kind + b"$")


SECRET = hashed(b"secret")
LINES = [
    b"# a comment",
    b"",
    b"plainly:" + SECRET,
    b"  indented:" + SECRET + b"  ",
    b"of-windows:" + SECRET + b"\r",
    b"with-a-comment:" + SECRET + b":for nginx",
    b"of-php:" + hashed(b"secret", b"2y"),
    b"of-old:" + hashed(b"secret", b"2a"),
    b"of-a-bug:" + hashed(b"secret", b"2x"),
    b"md5:$apr1$abc$0123456789012345678901",
    b"sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    b"clear:secret",
    b"no-hash:",
    b"twice:" + hashed(b"first"),
    b"twice:" + hashed(b"second"),
    b"long:" + hashed(b"x" * 72),
    "jörg:".encode() + hashed("pässword".encode()),
    b"colon:" + hashed(b"a:b"),
    b"nothing:" + hashed(b""),
    b"with space:" + SECRET,
    b"UPPER:" + SECRET,
]
ATTEMPTS = [
    *((line.split(b":")[0].decode().strip(), "secret") for line in LINES if b":" in line),
    *(("twice", "first"), ("twice", "second"), ("colon", "a:b"), ("nothing", "")),
    *(("long", "x" * 71), ("long", "x" * 72), ("long", "x" * 100)),
    *(("jörg", "pässword"), ("upper", "secret"), ("", "secret"), ("plainly", "secret\n")),
    *(("plainly", ""), ("plainly", "Secret"), ("nobody", "secret"), ("no-hash", "")),
]
ONLY_THERE = {"of-a-bug"}
"""A kind of hash that a bug made, and nobody should have any more."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    folder = tmp_path_factory.mktemp("passwords")
    path = folder / "htpasswd"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    config = {"auth": {"htpasswd": {"realm": "here", "path": str(path)}}}
    root = folder / "storage"
    with (
        original_server(root, config=config) as original,
        layerstore_server(root, config=config, workers=4) as ours,
    ):
        yield original, ours


def let_in(server: Server, user: str, password: str) -> bool:
    sent = base64.b64encode(f"{user}:{password}".encode()).decode()
    answer = SocketWire(server.host).ask("GET", "/v2/", {"Authorization": f"Basic {sent}"})
    assert answer.status in (200, 401)
    return answer.status == 200


@pytest.mark.parametrize(("user", "password"), ATTEMPTS)
def test_both_let_the_same_users_in(user: str, password: str, both: tuple[Server, Server]) -> None:
    original, ours = (let_in(server, user, password) for server in both)
    assert (original, ours) == (original, original and user not in ONLY_THERE)

"""Listening sockets: which addresses are meant, and what is said when one cannot be had."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerstore.web.sockets import (
    SOCKET_MODE,
    AddressInvalid,
    AddressUnusable,
    close_all,
    listen,
    parse_address,
    url,
)
from tests.processes import free_port


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    """What a test opens is closed after it."""
    listeners: list[socket.socket] = []
    yield listeners
    close_all(listeners)


ADDRESSES = [
    ("localhost:5000", ("localhost", 5000)),
    ("127.0.0.1:0", ("127.0.0.1", 0)),
    ("[::1]:443", ("::1", 443)),
    (":5000", ("", 5000)),
    ("*:5000", ("", 5000)),
    ("registry.example:65535", ("registry.example", 65535)),
]


@pytest.mark.parametrize(("text", "parts"), ADDRESSES)
def test_an_address_is_a_host_and_a_port(text: str, parts: tuple[str, int]) -> None:
    assert parse_address(text) == parts


NO_ADDRESSES = ["", "localhost", "5000", "localhost:", "localhost:http"]
NO_ADDRESSES += ["::1:5000", ":-1", "localhost:\u0665"]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_anything_else_is_named_with_what_is_wrong(text: str) -> None:
    with pytest.raises(AddressInvalid, match=r"localhost:5000|\[::1\]:5000"):
        parse_address(text)


@pytest.mark.parametrize("port", ["65536", "99999", "1" * 5_000])
def test_a_port_that_does_not_exist_is_told_with_those_that_do(port: str) -> None:
    with pytest.raises(AddressInvalid, match="ports are 1 to 65535") as refusal:
        parse_address(f"127.0.0.1:{port}")
    assert len(str(refusal.value)) < 200


def test_localhost_is_both_loopback_addresses_on_one_port(opened: list[socket.socket]) -> None:
    opened += listen("localhost:0")
    port = opened[0].getsockname()[1]
    urls = [f"http://127.0.0.1:{port}", f"http://[::1]:{port}"]
    assert [url(listener) for listener in opened] == urls[: len(opened)]


def test_localhost_goes_on_without_the_loopback_address_that_is_missing(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.socket.bind

    def bind(listener: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "::1":
            raise OSError(99, "Cannot assign requested address")
        real(listener, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
    opened += listen("localhost:0")
    assert [listener.getsockname()[0] for listener in opened] == ["127.0.0.1"]


def test_an_address_that_is_taken_is_named(opened: list[socket.socket]) -> None:
    opened += listen("127.0.0.1:0")
    port = opened[0].getsockname()[1]
    with pytest.raises(AddressUnusable, match=rf"127\.0\.0\.1:{port} is taken"):
        listen(f"127.0.0.1:{port}")


def test_no_half_of_localhost_stays_open_when_the_other_is_taken() -> None:
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback address")
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(AddressUnusable, match=rf"\[::1\]:{port} is taken"):
            listen(f"localhost:{port}")
    close_all(listen(f"127.0.0.1:{port}"))


def test_a_port_of_connections_that_ended_can_be_listened_on_again() -> None:
    port = free_port()
    for _ in range(2):
        (listener,) = listen(f"127.0.0.1:{port}")
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _address = listener.accept()
        accepted.close()
        client.close()
        close_all([listener])


def test_a_name_that_nobody_has_is_named() -> None:
    with pytest.raises(AddressUnusable, match=r"no-such-host\.invalid"):
        listen("no-such-host.invalid:5000")


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(AddressUnusable, match=r"192\.0\.2\.1:5000 cannot be listened on"):
        listen("192.0.2.1:5000")


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(AddressInvalid, match="udp"):
        listen("127.0.0.1:0", "udp")


def test_dead_and_stalled_peers_are_borne_for_a_while_only(opened: list[socket.socket]) -> None:
    opened += listen("127.0.0.1:0")
    with socket.create_connection(opened[0].getsockname()):
        accepted, _address = opened[0].accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert patience == 120_000


def test_a_socket_in_the_file_system_is_for_owner_and_group(
    tmp_path: Path, opened: list[socket.socket]
) -> None:
    path = tmp_path / "s"
    opened += listen(str(path), "unix")
    assert path.stat().st_mode & 0o777 == SOCKET_MODE
    assert url(opened[0]) == f"unix:{path}"


def test_a_socket_that_a_dead_server_left_is_replaced(
    tmp_path: Path, opened: list[socket.socket]
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    opened += listen(str(path), "unix")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_on_which_somebody_listens_is_left_alone(
    tmp_path: Path, opened: list[socket.socket]
) -> None:
    path = tmp_path / "s"
    opened += listen(str(path), "unix")
    with pytest.raises(AddressUnusable, match="taken"):
        listen(str(path), "unix")
    assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(AddressUnusable):
        listen(str(path), "unix")
    assert path.read_text() == "precious"


def test_closing_takes_the_socket_away(tmp_path: Path) -> None:
    path = tmp_path / "s"
    close_all(listen(str(path), "unix"))
    assert not path.exists()


def test_closing_once_more_is_no_error(tmp_path: Path) -> None:
    listeners = listen(str(tmp_path / "s"), "unix")
    close_all(listeners)
    close_all(listeners)
    assert not (tmp_path / "s").exists()

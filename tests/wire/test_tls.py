"""TLS over real sockets: versions, client certificates, renewal, and files that do not fit."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.authority import CertificateAuthority, Pair
from tests.processes import wait_until
from tests.servers import Server, layerstore_server, overlay, settings


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path / "authority")


def tls_of(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"http": {"tls": {"certificate": str(pair.certificate), "key": str(pair.key), **more}}}


def trusting(authority: CertificateAuthority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


def status(server: Server, context: ssl.SSLContext) -> int:
    connection = HTTPSConnection(server.host, context=context, timeout=10)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status
    finally:
        connection.close()


def is_turned_away(server: Server, context: ssl.SSLContext) -> bool:
    try:
        return status(server, context) != 200
    except (ssl.SSLError, ConnectionError):
        return True


def presented(server: Server, context: ssl.SSLContext) -> str:
    """The name in the certificate that the server shows."""
    connection = HTTPSConnection(server.host, context=context, timeout=10)
    try:
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True)
    finally:
        connection.close()
    assert shown
    names = x509.load_der_x509_certificate(shown).subject.get_attributes_for_oid(
        NameOID.COMMON_NAME
    )
    return str(names[0].value)


@pytest.fixture
def pair(authority: CertificateAuthority) -> Pair:
    return authority.issue("first")


def test_a_registry_with_a_certificate_speaks_tls(
    authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    with layerstore_server(tmp_path / "storage", config=tls_of(pair)) as server:
        assert status(server, trusting(authority)) == 200
        wait_until(lambda: "listens on https://" in server.log.read_text(), what="it says so")


@pytest.mark.parametrize("minimum", [{}, {"minimumtls": "tls1.3"}], ids=["unset", "tls1.3"])
def test_the_oldest_version_is_what_the_file_says(
    minimum: dict[str, str], authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    old = trusting(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with layerstore_server(tmp_path / "storage", config=tls_of(pair, **minimum)) as server:
        assert status(server, trusting(authority)) == 200
        if not minimum:
            assert status(server, old) == 200
        else:
            with pytest.raises(ssl.SSLError):
                status(server, old)


@pytest.fixture(params=["", "require-and-verify-client-cert", "verify-client-cert-if-given"])
def client_auth(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_client_certificates_are_required_or_verified_if_given(
    client_auth: str, authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    clients = CertificateAuthority(tmp_path / "clients", "clients")
    strangers = CertificateAuthority(tmp_path / "strangers", "strangers")
    config = tls_of(pair, clientcas=[str(clients.certificate)], clientauth=client_auth)
    with layerstore_server(tmp_path / "storage", config=config) as server:
        assert status(server, trusting(authority, clients.issue("alice"))) == 200
        assert is_turned_away(server, trusting(authority, strangers.issue("mallory")))
        needs_one = client_auth != "verify-client-cert-if-given"
        assert is_turned_away(server, trusting(authority)) == needs_one


def test_a_renewed_certificate_is_taken_and_no_request_fails(
    authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    context = trusting(authority)
    with layerstore_server(tmp_path / "storage", config=tls_of(pair)) as server:
        assert presented(server, context) == "first"
        pair.replace_with(authority.issue("second"))
        server.process.send_signal(signal.SIGHUP)

        def is_renewed() -> bool:
            assert status(server, context) == 200
            return presented(server, context) == "second"

        wait_until(is_renewed, "the renewed certificate is shown")


def test_a_certificate_is_taken_without_a_signal_too(
    authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    context = trusting(authority)
    with layerstore_server(tmp_path / "storage", config=tls_of(pair)) as server:
        assert presented(server, context) == "first"
        pair.replace_with(authority.issue("second"))
        wait_until(lambda: presented(server, context) == "second", "the renewed one is shown")


def test_a_broken_renewal_leaves_the_old_certificate(
    authority: CertificateAuthority, pair: Pair, tmp_path: Path
) -> None:
    with layerstore_server(tmp_path / "storage", config=tls_of(pair)) as server:
        pair.certificate.write_text("half of it")
        server.process.send_signal(signal.SIGHUP)
        refused = "stays as it was: http.tls.certificate"
        wait_until(lambda: refused in server.log.read_text(), "the refusal is logged")
        assert presented(server, trusting(authority)) == "first"


@pytest.fixture
def other(authority: CertificateAuthority) -> Pair:
    return authority.issue("other")


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("missing", "http.tls.certificate: "),
        ("empty", "http.tls.certificate: the file holds no certificate"),
        ("not a key", "http.tls.key: the file holds no private key"),
        ("of another", "http.tls.key: the key does not belong to the certificate"),
        ("p-521", "http.tls.key: a key of RSA, P-256, P-384 or Ed25519 is needed"),
    ],
)
def test_files_that_do_not_fit_refuse_the_start_with_a_reason(
    case: str, told: str, authority: CertificateAuthority, pair: Pair, other: Pair, tmp_path: Path
) -> None:
    match case:
        case "missing":
            pair.certificate.unlink()
        case "empty":
            pair.certificate.write_text("")
        case "not a key":
            pair.key.write_text("no key")
        case "of another":
            pair.key.write_bytes(other.key.read_bytes())
        case "p-521":
            pair = authority.issue("large", ec.SECP521R1())
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(overlay(settings(tmp_path / "storage", 0), tls_of(pair))))
    command: list[str | Path] = [Path(sys.executable).with_name("layerstore"), "serve", file]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert told in ended.stderr

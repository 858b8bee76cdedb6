"""Certificates and keys for TLS: read and checked here before any worker sees them.

The server would end on a file that it cannot use; so a renewed certificate that is broken changes
nothing, and says why. Workers get copies, so that one which starts later never meets half of a
renewal.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from layerstore.cli.assignment import Tls
from layerstore.cli.private import write_private
from layerstore.config import ConfigError
from layerstore.config.http import Tls as TlsSettings

_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the files held, known to fit together."""

    chain: bytes
    key: bytes
    authorities: bytes
    minimum: str
    is_client_required: bool

    def copied(self, folder: Path) -> Tls:
        """The same for workers: files in a new folder below the parent's private one."""
        folder.mkdir(mode=0o700)
        chain, key, authorities = folder / "chain", folder / "key", folder / "authorities"
        for path, content in (
            (chain, self.chain),
            (key, self.key),
            (authorities, self.authorities),
        ):
            write_private(path, content)
        return Tls(
            certificate=chain,
            key=key,
            minimum=self.minimum,
            client_authorities=authorities if self.authorities else None,
            client_required=self.is_client_required,
        )


def certificates(settings: TlsSettings) -> Certificates | None:
    """What `http.tls` names; None without it. Raises ConfigError with the key and the reason."""
    if not settings.certificate:
        return None
    chain = _read("certificate", settings.certificate)
    key = _read("key", settings.key)
    if _certificates("certificate", chain)[0].public_key() != _key(key).public_key():
        raise _wrong("key", "the key does not belong to the certificate")
    authorities = b"\n".join(_authority(path) for path in settings.clientcas)
    return Certificates(
        chain,
        key,
        authorities,
        settings.minimumtls or "tls1.2",
        bool(authorities) and settings.clientauth != "verify-client-cert-if-given",
    )


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _wrong(key, f"{path}: {(error.strerror or 'not readable').lower()}") from error


def _authority(path: str) -> bytes:
    content = _read("clientcas", path)
    _certificates("clientcas", content)
    return content


def _certificates(key: str, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise _wrong(key, "the file holds no certificate in PEM") from error


def _key(content: bytes) -> PrivateKeyTypes:
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError as error:
        raise _wrong("key", "the key is encrypted; a server cannot ask for its password") from error
    except ValueError as error:
        raise _wrong("key", "the file holds no private key in PEM") from error
    is_curve = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES)
    if not is_curve and not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise _wrong("key", "a key of RSA, P-256, P-384 or Ed25519 is needed")
    return key


def _wrong(key: str, reason: str) -> ConfigError:
    return ConfigError(f"http.tls.{key}: {reason}")

"""Hosts that sign: keys of every kind, and documents by them."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from layerstore.oci import signed
from layerstore.oci.digest import Digest
from layerstore.oci.keys import PrivateKey
from layerstore.oci.signed import Header, Signature

SIGNED_AT: Final = datetime.datetime(2015, 1, 14, 18, 30, tzinfo=datetime.UTC)
LAYER: Final = Digest.of(b"layer")
KINDS: Final = ("P-256", "P-384", "P-521", "RSA")
_CURVES: Final[Mapping[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}


def host(kind: str = "P-256", number: int = 0) -> PrivateKey:
    """The key of a host; each number is another host."""
    return _made(kind, number)


@cache
def _made(kind: str, number: int) -> PrivateKey:
    if kind == "RSA":
        return PrivateKey(rsa.generate_private_key(65537, 2048))
    return PrivateKey(ec.generate_private_key(_CURVES[kind]))


def payload(name: object = "library/alpine", tag: object = "latest", **members: Any) -> bytes:
    """A manifest with one layer, indented as programs in Go write it; None leaves a member out."""
    whole = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": str(LAYER)}],
        "history": [{"v1Compatibility": '{"id":"1"}'}],
    } | members
    kept = {key: value for key, value in whole.items() if value is not None}
    return msgspec.json.format(msgspec.json.encode(kept), indent=3)


def document(content: bytes, *keys: PrivateKey) -> bytes:
    """The content signed by each of the keys, or by one host's."""
    hosts = keys or (host(),)
    return signed.join(content, [signed.sign(content, key, SIGNED_AT) for key in hosts])


def changed(content: bytes, **fields: Any) -> bytes:
    """A signed document whose first signature has other fields; `header` is laid over the old."""
    whole = msgspec.json.decode(content)
    entry = whole["signatures"][0]
    entry |= fields | {"header": entry["header"] | fields.get("header", {})}
    rest = [msgspec.convert(each, Signature) for each in whole["signatures"][1:]]
    head, _, _ = content.partition(b',\n   "signatures"')
    return head + b',"signatures":' + msgspec.json.encode([entry, *rest]) + b"}"


def signature_by(key: PrivateKey, content: bytes, **header: Any) -> Signature:
    """A signature whose header is not the usual one."""
    usual = signed.sign(content, key, SIGNED_AT)
    whole = Header(**({"alg": usual.header.alg} | header))
    return Signature(whole, usual.signature, usual.protected)


def certificate(key: PrivateKey) -> str:
    """A certificate by the key itself, as x5c carries it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "host")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.key.public_key())
        .serial_number(1)
        .not_valid_before(SIGNED_AT)
        .not_valid_after(SIGNED_AT + datetime.timedelta(days=1))
        .sign(key.key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def edwards_pem() -> bytes:
    """A private key of a kind that is not taken."""
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )

"""Signed documents of schema 1: one payload, and the signatures of every host that signed it.

A document carries its signatures in a last member, and each says where the payload ends in it and
how it goes on (registry-facts §1.10). `split` takes a document apart, `verify` judges a signature,
`sign` makes one, `join` puts payload and signatures together again. What the payload means is told
in `schema1.py`. No trust is decided here: a signature holds or it does not.
"""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from layerstore.oci.errors import ManifestInvalid, ManifestUnverified
from layerstore.oci.unreadable import reason_of
from layerstore.oci.webkeys import JsonWebKey, KeyInvalid, decode, encode

if TYPE_CHECKING:
    from layerstore.oci.keys import PrivateKey, PublicKey

SIGNATURES_MAX: Final = 64
"""Signatures of one payload, however many pushes brought them."""

CERTIFICATES_MAX: Final = 8
"""Certificates in one chain."""

SIGNATURE_BYTES_MAX: Final = 32 * 1024
"""Bytes of one signature as it is stored, with its key or its chain."""

_WHITESPACE: Final = b" \t\r\n"
_INDENTED: Final = re.compile(rb'\{\n([ \t\r\n]*)"')
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


class Header(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who signed, and how; not covered by the signature itself."""

    jwk: JsonWebKey | None = None
    alg: str
    x5c: tuple[str, ...] = ()


class Form(msgspec.Struct, frozen=True):
    """How a payload lies in its document: `length` bytes of it, then `tail`; signed `time`."""

    length: int = msgspec.field(name="formatLength")
    tail: str = msgspec.field(name="formatTail")
    time: str = ""


class Signature(msgspec.Struct, frozen=True):
    """One host's signature, in the members and the order in which it is stored and sent."""

    header: Header
    signature: str
    protected: str

    @property
    def form(self) -> Form:
        """What the signed part says. Raises ManifestInvalid."""
        try:
            return _FORM.decode(decode(self.protected))
        except (ValueError, RecursionError):
            raise ManifestInvalid(message="the protected part of a signature is broken") from None

    @property
    def signed_at(self) -> datetime | None:
        """When it was made, as the signer said; None when he did not in the usual form."""
        try:
            return datetime.strptime(self.form.time, _MOMENT).replace(tzinfo=UTC)
        except (ManifestInvalid, ValueError):
            return None

    def stored(self) -> bytes:
        """The bytes that are kept, and by whose digest it is known (registry-facts §1.10)."""
        return msgspec.json.encode(self)


class SignedDocument(NamedTuple):
    """A document taken apart. Nothing is verified yet."""

    payload: bytes
    signatures: tuple[Signature, ...]


class _Signatures(msgspec.Struct, frozen=True):
    signatures: tuple[Signature, ...] | None = None


class _Members(msgspec.Struct, frozen=True):
    signatures: msgspec.Raw = msgspec.Raw()  # an empty one is never changed


_FORM: Final = msgspec.json.Decoder(Form)
_SIGNATURE: Final = msgspec.json.Decoder(Signature)
_SIGNATURES: Final = msgspec.json.Decoder(_Signatures)
_MEMBERS: Final = msgspec.json.Decoder(_Members)


def split(document: bytes) -> SignedDocument:
    """The payload and the signatures of a document.

    Raises ManifestUnverified when it has no signature, and ManifestInvalid when it has too many,
    they disagree about the payload, or the payload is not what they have to make of it.
    """
    signatures = _signatures(document)
    forms = [signature.form for signature in signatures]
    if any((form.length, form.tail) != (forms[0].length, forms[0].tail) for form in forms):
        raise ManifestInvalid(message="the signatures disagree about what they sign")
    payload = _payload(document, forms[0])
    if _end(payload) != forms[0].length:
        raise ManifestInvalid(
            {"formatLength": forms[0].length, "expected": _end(payload)},
            message="formatLength is not where the payload's last member ends",
        )
    return SignedDocument(payload, signatures)


def verify(payload: bytes, signature: Signature) -> "PublicKey":
    """The key that signed the payload. Raises ManifestUnverified, saying why it did not."""
    _check_fit(payload, signature)
    try:
        key = _key(signature.header)
        content = decode(signature.signature)
    except ValueError as error:
        raise ManifestUnverified({"reason": str(error)}) from None
    algorithm = signature.header.alg
    if algorithm not in key.algorithms:
        reason = f"alg is not one of its key: {', '.join(key.algorithms)}"
        raise ManifestUnverified({"key": key.id, "reason": reason})
    if not key.holds(content, _signed_text(signature.protected, payload), algorithm):
        reason = "the signature is not one of this payload by this key"
        raise ManifestUnverified({"key": key.id, "reason": reason})
    return key


def normal(payload: bytes, signature: Signature) -> Signature:
    """The signature, verified, with its key written in the one way that this registry writes it.

    So one signature has one digest whatever else stood in its header. Raises ManifestUnverified.
    """
    key, header = verify(payload, signature), signature.header
    jwk = None if header.jwk is None else key.jwk
    return Signature(
        Header(jwk=jwk, alg=header.alg, x5c=header.x5c), signature.signature, signature.protected
    )


def sign(payload: bytes, key: "PrivateKey", at: datetime) -> Signature:
    """A signature of the payload, made at that moment. Raises ManifestInvalid."""
    length = _end(payload)
    moment = at.astimezone(UTC).strftime(_MOMENT)
    form = Form(length, encode(payload[length:]), moment)
    protected = encode(msgspec.json.encode(form))
    header = Header(jwk=key.public.jwk, alg=key.algorithm)
    return Signature(header, encode(key.sign(_signed_text(protected, payload))), protected)


def join(payload: bytes, signatures: Iterable[Signature]) -> bytes:
    """One document over the payload with all these signatures, each once, in a fixed order.

    They are ordered by the key's id, then by the signature's text; all have to be verified.
    Raises ManifestInvalid for a payload that no signature can be added to.
    """
    kept = {(_key(each.header).id, each.signature): each for each in signatures}
    entries = [msgspec.to_builtins(kept[place]) for place in sorted(kept)]
    head, found = payload[: _end(payload)], _INDENTED.match(payload)
    if found is None or not found[1]:
        return head + b',"signatures":' + msgspec.json.encode(entries) + b"}"
    indent = found[1].decode()
    array = json.dumps(entries, indent=indent).replace("\n", "\n" + indent)
    return head + f',\n{indent}"signatures": {array}\n}}'.encode()


def read_signature(content: bytes) -> Signature:
    """A signature from the bytes that were kept. Raises ManifestInvalid."""
    try:
        signature = _SIGNATURE.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ManifestInvalid(message="a stored signature cannot be read") from None
    _check_size(signature)
    return signature


def _signatures(document: bytes) -> tuple[Signature, ...]:
    try:
        signatures = _SIGNATURES.decode(document).signatures
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = reason_of(error, document)
        raise ManifestInvalid({"reason": reason}, message="the document cannot be read") from None
    if not signatures:
        raise ManifestUnverified({"reason": "the manifest is not signed"})
    if len(signatures) > SIGNATURES_MAX:
        raise ManifestInvalid(
            {"limit": SIGNATURES_MAX, "signatures": len(signatures)},
            message="the manifest has more signatures than is allowed",
        )
    for signature in signatures:
        _check_size(signature)
    return signatures


def _check_size(signature: Signature) -> None:
    size = len(signature.stored())
    if size > SIGNATURE_BYTES_MAX or len(signature.header.x5c) > CERTIFICATES_MAX:
        raise ManifestInvalid(
            {"bytes": SIGNATURE_BYTES_MAX, "certificates": CERTIFICATES_MAX},
            message="a signature is larger than is allowed",
        )


def _payload(document: bytes, form: Form) -> bytes:
    if not 0 < form.length <= len(document):
        raise ManifestInvalid(
            {"formatLength": str(form.length)[:32], "size": len(document)},
            message="formatLength does not lie in the document",
        )
    try:
        payload = document[: form.length] + decode(form.tail)
        payload.decode()
        members = _MEMBERS.decode(payload)
    except (ValueError, RecursionError):
        raise ManifestInvalid(message="what the signatures cover is no document") from None
    if bytes(members.signatures):
        raise ManifestInvalid(message="what the signatures cover holds signatures itself")
    return payload


def _end(payload: bytes) -> int:
    """Where the last member ends: before the whitespace before the last brace."""
    inner = payload.rstrip(_WHITESPACE)
    if not inner.endswith(b"}"):
        raise ManifestInvalid(message="the payload is no JSON object")
    head = inner[:-1].rstrip(_WHITESPACE)
    if len(head) < 2 or head.endswith(b","):
        raise ManifestInvalid(message="the payload is no JSON object with members")
    return len(head)


def _check_fit(payload: bytes, signature: Signature) -> None:
    """A signature that divides the payload in another way cannot stand in one document with it."""
    try:
        form, end = signature.form, _end(payload)
        fits = form.length == end and decode(form.tail) == payload[end:]
    except (ManifestInvalid, ValueError):
        fits = False
    if not fits:
        raise ManifestUnverified({"reason": "the signature belongs to another payload"})


def _key(header: Header) -> "PublicKey":
    """The key of the certificate if there is one, else the key itself; KeyInvalid.

    When both are there they have to be the same: programs differ in which of them they look at.
    """
    from layerstore.oci.keys import certified_key, public_key  # 9 MiB, for who sees a signature

    stated = public_key(header.jwk) if header.jwk is not None else None
    certified = certified_key(header.x5c[0]) if header.x5c else None
    if stated is not None and certified is not None and stated != certified:
        raise KeyInvalid("jwk and x5c are different keys")
    key = certified or stated
    if key is None:
        raise KeyInvalid("it brings no key: neither jwk nor x5c")
    return key


def _signed_text(protected: str, payload: bytes) -> bytes:
    return f"{protected}.{encode(payload)}".encode()
